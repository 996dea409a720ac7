package generators

const (
	// Where Maven puts what it compiled, and what that needs.
	javaClasspath   = `'parley/target/classes:parley/target/dependency/*:classes'`
	kotlinClasspath = `'target/classes:target/dependency/*'`
)

// jvmGenerators are those of openapi-generator for Java and Kotlin.
var jvmGenerators = []generator{
	{
		name: "java-native", section: "Java for the JDK's HTTP client", shared: "java",
		needs: []string{"java", "javac", "mvn"},
		files: map[string]string{"java": "Chat.java"},
		build: "javac -cp " + javaClasspath + " -d classes *.java",
		docs:  "java -cp " + javaClasspath + ` Chat "$1"`,
		run:   "java -cp " + javaClasspath + ` Program "$1"`, greeting: "duke: Hello from Java",
	},
	{
		name: "java-okhttp-gson", section: "Java with OkHttp", needs: []string{"java", "javac", "mvn"}, shared: "java",
		files: map[string]string{"java": "Chat.java"},
		build: "javac -cp " + javaClasspath + " -d classes *.java",
		docs:  "java -cp " + javaClasspath + ` Chat "$1"`,
		run:   "java -cp " + javaClasspath + ` Program "$1"`, greeting: "duke: Hello from OkHttp",
	},
	{
		name: "kotlin", section: "Kotlin", needs: []string{"java", "mvn"},
		files: map[string]string{"xml": "pom.xml", "kotlin": "src/Chat.kt"},
		docs:  "java -cp " + kotlinClasspath + ` ChatKt "$1"`,
		run:   "java -cp " + kotlinClasspath + ` Program "$1"`, greeting: "kodee: Hello from Kotlin",
	},
	{
		name: "csharp", section: "C#", needs: []string{"java"},
		expects: "parley/src/Org.OpenAPITools/Api/EventsApi.cs",
	},
	{
		name: "swift", section: "Swift", needs: []string{"java"},
		expects: "parley/Sources/OpenAPIClient/APIs/EventsAPI.swift",
	},
	{
		name: "dart", section: "Dart", needs: []string{"java"},
		expects: "parley/lib/api/events_api.dart",
	},
}
