package generators

// pythonPackages installs what a requirements.txt pins, once for all runs, and shows it as the folder's .venv.
const pythonPackages = `venv="$PARLEY_GENERATORS/python-$(sha256sum requirements.txt | cut -c1-16)"
if [ ! -e "$venv/installed" ]; then
	python3 -m venv --clear "$venv"
	"$venv/bin/pip" install -q --no-deps -r requirements.txt
	touch "$venv/installed"
fi
ln -s "$venv" .venv`

// nodePackages does the same for a package-lock.json.
const nodePackages = `modules="$PARLEY_GENERATORS/npm-$(sha256sum package-lock.json | cut -c1-16)"
if [ ! -e "$modules/installed" ]; then
	mkdir -p "$modules"
	cp package.json package-lock.json "$modules"
	npm ci --silent --ignore-scripts --prefix "$modules"
	touch "$modules/installed"
fi
ln -s "$modules/node_modules" node_modules`

// runPython runs the section's program with the address of the server in place of the documented one.
const runPython = `sed "s|http://127.0.0.1:8080|$1|" docs.py | PYTHONPATH=parley-python .venv/bin/python -`

// buildTypeScript compiles both programs, and bundles them because the generated files import without extensions.
const buildTypeScript = `npx --no-install tsc --strict --noUncheckedIndexedAccess --noEmit --target es2023 \
	--module esnext --moduleResolution bundler --types node docs.ts chat.ts
npx --no-install esbuild docs.ts chat.ts --bundle --platform=node --format=esm --log-level=error --outdir=out`

const runTypeScript = `sed "s|http://127.0.0.1:8080|$1|" out/docs.js | node --input-type=module -`

// runOrval runs a program whose client has the documented address in it.
const runOrval = `sed "s|http://127.0.0.1:8080|$1|g" "out/$program.js" | node --input-type=module -`

// scriptingGenerators are those for Python and TypeScript.
var scriptingGenerators = []generator{
	{
		name: "python", section: "Python with openapi-generator",
		needs:   []string{"bash", "java", "python3"},
		files:   map[string]string{"python": "docs.py"},
		prepare: pythonPackages,
		docs:    runPython, run: `PYTHONPATH=parley-python .venv/bin/python chat.py "$1"`,
		greeting: "guido: Hello from Python",
	},
	{
		name: "python-httpx", section: "Python with openapi-python-client",
		needs:   []string{"bash", "python3"},
		files:   map[string]string{"python": "docs.py"},
		prepare: pythonPackages,
		docs:    runPython, run: `.venv/bin/python chat.py "$1"`,
		greeting: "barry: Hello from Python",
	},
	{
		name: "hey-api", section: "TypeScript with hey-api",
		needs:   []string{"bash", "node", "npm"},
		files:   map[string]string{"ts": "docs.ts"},
		prepare: nodePackages, build: buildTypeScript,
		docs: runTypeScript, run: `node out/chat.js "$1"`,
		greeting: "hedy: Hello from TypeScript",
	},
	{
		name: "typescript-fetch", section: "TypeScript with openapi-generator",
		needs:   []string{"bash", "java", "node", "npm"},
		files:   map[string]string{"ts": "docs.ts"},
		prepare: nodePackages, build: buildTypeScript,
		docs: runTypeScript, run: `node out/chat.js "$1"`,
		greeting: "anders: Hello from TypeScript",
	},
	{
		name: "modelina", section: "Typed events (AsyncAPI)",
		needs:   []string{"bash", "curl", "node", "npm"},
		files:   map[string]string{"ts": "docs.ts"},
		prepare: nodePackages, build: buildTypeScript,
		docs: runTypeScript, run: `node out/chat.js "$1"`,
		greeting: "mona: Hello from AsyncAPI",
		prints: `ready true false
message.created ada 1 Is the kettle on?
message.edited ada 1 Is the kettle on yet?
reaction.added 1 🫖 1
message.deleted 1
room.updated tea Coffee room`,
	},
	{
		name: "orval", section: "TypeScript with orval",
		needs:   []string{"bash", "curl", "node", "npm"},
		files:   map[string]string{"ts": "docs.ts", "js": "orval.config.mjs"},
		prepare: nodePackages, build: buildTypeScript,
		docs: "program=docs\n" + runOrval, run: "program=chat\n" + runOrval,
		greeting: "orla: Hello from TypeScript",
	},
}
