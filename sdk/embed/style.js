// The looks. A constructed style sheet needs no permission of the page's content security policy, and stays inside.

const css = `
:host {
  display: block; block-size: 32rem; min-inline-size: 0; color-scheme: light dark;
}
:host([hidden]) { display: none; }
.root {
  all: initial; color-scheme: inherit; direction: inherit; visibility: inherit;
  --accent: var(--parley-accent, light-dark(#3b5bdb, #4263eb));
  --on-accent: var(--parley-on-accent, #fff);
  --background: var(--parley-background, light-dark(#fff, #17191e));
  --color: var(--parley-color, light-dark(#1a1d24, #e6e8ed));
  --muted: var(--parley-muted, light-dark(#596070, #a0a7b5));
  --bubble: var(--parley-bubble, light-dark(#f0f2f5, #262a32));
  --border: var(--parley-border, light-dark(#dfe2e8, #333842));
  --danger: var(--parley-danger, light-dark(#c22727, #ff8b8b));
  --radius: var(--parley-radius, 12px);
  --ring: light-dark(color-mix(in srgb, var(--accent), #000 10%), color-mix(in srgb, var(--accent), #fff 45%));
  display: flex; flex-direction: column; box-sizing: border-box; block-size: 100%; overflow: hidden;
  border: 1px solid var(--border); border-radius: var(--radius); background: var(--background); color: var(--color);
  font-family: var(--parley-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
  font-size: var(--parley-font-size, 15px); line-height: 1.4; overflow-wrap: anywhere;
}
*, ::before, ::after { box-sizing: border-box; }
p, ol { margin: 0; padding: 0; list-style: none; }
[hidden] { display: none !important; }
button, input, textarea { font: inherit; color: inherit; letter-spacing: inherit; margin: 0; }
button { cursor: pointer; -webkit-tap-highlight-color: transparent; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--ring); outline-offset: 2px; }
a { color: inherit; text-underline-offset: 2px; }
svg {
  display: block; inline-size: 20px; block-size: 20px; fill: none; stroke: currentcolor; stroke-width: 2;
  stroke-linecap: round; stroke-linejoin: round;
}
.link {
  padding: 0; border: 0; background: none; color: inherit; text-decoration: underline; text-underline-offset: 2px;
}

.header {
  flex: none; display: flex; align-items: baseline; gap: 10px; min-block-size: 46px; padding: 11px 16px;
  border-block-end: 1px solid var(--border);
}
.header .title { min-inline-size: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; }
.header .status { flex: 1; color: var(--muted); font-size: 0.8667em; }
.header .link { flex: none; color: var(--muted); font-size: 0.8667em; }

.bar {
  flex: none; display: flex; flex-wrap: wrap; gap: 4px 14px; padding: 8px 16px; font-size: 0.9em;
  border-block-end: 1px solid var(--border);
}
.bar span { flex: 1 1 12em; }

.content { flex: 1; min-block-size: 0; display: flex; flex-direction: column; }
.panel {
  flex: 1; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 14px;
  min-block-size: 0; padding: 24px 16px; overflow-y: auto; text-align: center; text-wrap: balance;
}
.panel label { display: grid; gap: 4px; inline-size: min(100%, 280px); text-align: start; font-weight: 500; }
.panel label span { font-size: 0.8667em; }
input {
  inline-size: 100%; min-block-size: 42px; padding: 8px 12px; border: 1px solid var(--muted);
  border-radius: min(var(--radius), 10px); background: var(--background);
}
.primary {
  min-block-size: 42px; padding: 8px 22px; border: 1px solid transparent; border-radius: min(var(--radius), 10px);
  background: var(--accent); color: var(--on-accent); font-weight: 600;
}
form.panel .primary { inline-size: min(100%, 280px); }
.primary[aria-busy="true"] { opacity: 0.6; }
.error { color: var(--danger); font-size: 0.9em; }
.error:empty { display: none; }

.timeline { position: relative; flex: 1; min-block-size: 0; display: flex; }
.log {
  flex: 1; min-inline-size: 0; display: flex; flex-direction: column; padding: 12px 16px; overflow: hidden auto;
  overflow-anchor: none; overscroll-behavior: contain; scrollbar-width: thin;
  scrollbar-color: var(--border) transparent;
}
.log:focus-visible, .message:focus-visible { outline-offset: -2px; }
.log ol { margin-block-start: auto; }
.older {
  align-self: center; flex: none; margin-block-end: 8px; padding: 4px 14px; border: 1px solid var(--border);
  border-radius: 99px; background: none; color: var(--muted); font-size: 0.8667em;
}
.empty { margin: auto; color: var(--muted); }
.empty:empty { display: none; }
.typing { flex: none; min-block-size: 1.4em; margin-block-start: 6px; color: var(--muted); font-size: 0.8667em; }
.day, .unread {
  display: flex; align-items: center; gap: 12px; margin-block: 16px 8px; color: var(--muted); font-size: 0.8em;
  font-weight: 500;
}
.day::before, .day::after, .unread::before, .unread::after {
  content: ""; flex: 1; border-block-start: 1px solid var(--border);
}
.unread { color: var(--danger); }
.unread::before, .unread::after { border-color: currentcolor; }

.message {
  position: relative; display: flex; gap: 8px; max-inline-size: 100%; margin-block-start: 12px; padding: 2px;
  border-radius: 8px;
}
.message.follows { margin-block-start: 0; }
.body { display: flex; flex-direction: column; align-items: flex-start; min-inline-size: 0; max-inline-size: 82%; }
.own { justify-content: flex-end; }
.own .body { align-items: flex-end; }
.avatar {
  flex: none; display: grid; place-items: center; inline-size: 32px; block-size: 32px; margin-block-start: 1.35em;
  border-radius: 50%; background: oklch(0.48 0.09 var(--hue)); color: #fff; font-size: 12px; font-weight: 600;
}
.follows .avatar { visibility: hidden; block-size: 0; margin: 0; }
.own .avatar { display: none; }
.head { padding-inline: 4px; color: var(--muted); font-size: 0.8em; }
.head span { color: var(--color); font-weight: 600; }
.own .head span, .follows .head {
  position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap;
}
.bubble {
  max-inline-size: 100%; padding: 7px 12px; border: 1px solid transparent;
  border-radius: min(calc(var(--radius) * 1.3), 18px);
  background: var(--bubble); white-space: pre-wrap;
}
.text { display: block; unicode-bidi: isolate; text-align: start; }
.text:empty { display: none; }
.own .bubble { background: var(--accent); color: var(--on-accent); }
.own .bubble :focus-visible { outline-color: currentcolor; }
.message.pending .bubble { opacity: 0.7; }
.message.failed .bubble { border-color: var(--danger); background: none; color: var(--color); }
.message.deleted .bubble { border-color: var(--border); background: none; color: var(--muted); font-style: italic; }
.extra { display: flex; flex-wrap: wrap; gap: 4px; }
.extra:empty { display: none; }
.text:not(:empty) + .extra { margin-block-start: 4px; }
.file { flex-basis: 100%; font-size: 0.9em; }
.reaction {
  padding: 1px 8px; border: 1px solid var(--border); border-radius: 99px; background: var(--background);
  color: var(--color); font-size: 0.8667em;
}
.reaction[aria-pressed="true"] { border-color: var(--ring); font-weight: 600; }
.note, .actions, .question { display: flex; flex-wrap: wrap; justify-content: inherit; gap: 2px 10px; }
.note { padding-inline: 4px; color: var(--muted); font-size: 0.8em; }
.own .note { justify-content: flex-end; }
.failed .note > span { color: var(--danger); }
@media (hover: hover) {
  .actions {
    opacity: 0; position: absolute; inset-block-start: 2px; inset-inline-start: 2px; padding: 5px 8px;
    border-radius: 8px; background: var(--background);
  }
  .message:hover .actions, .message:focus-within .actions { opacity: 1; }
}
@media (hover: none) {
  .message:not(:focus-within) .actions { display: none; }
}
.jump {
  position: absolute; inset-inline-end: 16px; inset-block-end: 10px; display: flex; align-items: center; gap: 6px;
  min-block-size: 36px; min-inline-size: 36px; padding: 0 7px; border: 1px solid var(--border); border-radius: 99px;
  background: var(--background); box-shadow: 0 2px 10px rgb(0 0 0 / 18%); font-size: 0.8667em;
}
.jump span:not(:empty) { padding-inline-end: 6px; }

.composer { flex: none; padding: 0 12px 12px; }
.composer > p { padding: 4px; }
.composer > .count { color: var(--danger); font-size: 0.9em; }
.composer > .count:empty { padding: 0; } /* not hidden, so that the first text is read out too */
.banner { display: flex; justify-content: space-between; color: var(--muted); font-size: 0.8667em; }
.field {
  display: flex; align-items: flex-end; gap: 4px; padding: 4px; border: 1px solid var(--muted);
  border-radius: min(calc(var(--radius) * 1.5), 22px);
}
.field:focus-within { border-color: var(--ring); box-shadow: 0 0 0 1px var(--ring); }
textarea {
  flex: 1; min-inline-size: 0; max-block-size: 9.5em; padding: 7px 10px; border: 0; background: none; resize: none;
  overflow-y: auto; scrollbar-width: thin;
}
textarea:focus-visible { outline: none; }
::placeholder { color: var(--muted); opacity: 1; }
.send {
  flex: none; display: grid; place-items: center; inline-size: 36px; block-size: 36px; padding: 0;
  border: 1px solid transparent; border-radius: min(calc(var(--radius) * 1.5), 18px); background: var(--accent);
  color: var(--on-accent);
}
.send.idle { background: none; color: var(--muted); }

@media (pointer: coarse) {
  input, textarea { font-size: max(1em, 16px); }
  .send { inline-size: 40px; block-size: 40px; }
  .note button { min-block-size: 28px; }
}
@media (prefers-reduced-motion: no-preference) {
  .actions, .send, .primary { transition: opacity 120ms, background 120ms; }
}
@media (forced-colors: active) {
  .field:focus-within { outline: 2px solid Highlight; }
  .bubble, .send, .primary, .avatar { border: 1px solid CanvasText; }
  .own .bubble { border-width: 2px; }
}
`;

/** @type {CSSStyleSheet | undefined} */
let sheet;

/** The one sheet of all elements. */
export function styleSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
  }
  return sheet;
}
