import{Problem as mt,Unreachable as gt}from"./sdk.js";function r(o,t={},...e){let s=document.createElement(o);for(let[i,n]of Object.entries(t))n==null||n===!1||(i.startsWith(
"on")?s.addEventListener(i.slice(2),n):s.setAttribute(i,n===!0?"":String(n)));for(let i of e)i&&s.append(i);return s}function y(o){
let[t,e]=["svg","path"].map(s=>document.createElementNS("http://www.w3.org/2000/svg",s));for(let[s,i]of[["viewBox","0 0 \
24 24"],["aria-hidden","true"]])t.setAttribute(s,i);return e.setAttribute("d",o),t.append(e),t}function h(o,t){o.textContent!==
t&&(o.textContent=t)}function m(o){let t=o.getRootNode();return o.contains(t.activeElement??null)}var x=class{#t=new Map;constructor(t,e){
this.parent=t,this.make=e}set(t){let e=new Map;for(let i of t){let n=this.#t.get(i.key)??this.make(i);this.#t.delete(i.key),
e.set(i.key,n),n.update(i)}for(let{el:i}of this.#t.values())i.remove();this.#t=e;let s=this.parent.firstElementChild;for(let{
el:i}of e.values())i===s?s=i.nextElementSibling:this.parent.insertBefore(i,s)}};var M={connecting:"Connecting\u2026",reconnecting:"Reconnecting\u2026",messages:"Messages in {room}",empty:"No messages \
yet. Write the first one.",older:"Load older messages",olderFailed:"The older messages could not be loaded.",unread:"New\
 messages",newest:"Newest messages",newCount:"{count} new",message:"Message to {room}",placeholder:"Write a message",send:"\
Send",save:"Save",sending:"Sending\u2026",failed:"Not sent: {reason}",tooLong:"Too long. Characters to remove: {count}",
retry:"Try again",discard:"Discard",edit:"Edit",editing:"Editing a message",edited:"edited",cancel:"Cancel",delete:"Dele\
te",deleteQuestion:"Delete this message?",deleted:"Message deleted",you:"You",today:"Today",yesterday:"Yesterday",typingOne:"\
{name} is typing\u2026",typingMany:"Several people are typing\u2026",intro:"Choose a name to join the conversation.",username:"\
Your name",join:"Join",joinAgain:"Join again",logOut:"Log out",logOutQuestion:"Log out? Your name and your messages will\
 be deleted.",ended:"Your session has ended.",removed:"You are not in this room any more.",noRoom:'This element needs a \
room: <parley-room room="#lobby">.',noServer:'This element needs the address of a server: <parley-room server="https://c\
hat.example.com">.',notFound:"There is no room {room} on this server, or you are not a member of it.",userNotFound:"Ther\
e is no user {room} on this server.",banned:"You are banned from this room.",blocked:"You cannot write to this person.",
nameTaken:"Somebody has this name already. Choose another one.",guestsOff:"This server lets no guests in.",tooMany:"That\
 was too much at once. Try again in a moment.",notLoggedIn:"This page could not log you in.",unreachable:"The server can\
not be reached. Trying again\u2026",unavailable:"The server is not available at the moment. Trying again\u2026",origin:"\
The chat server {server} does not accept this page: {origin} is not one of its --cors-origins.",policy:"The content secu\
rity policy of this page does not let it connect to {server}."},p=(o,t)=>o.replace(/\{(\w+)\}/g,(e,s)=>String(t[s]??e));var N=8e3,v=class{#t;#o;#n;#s=r("p",{class:"error",part:"error",role:"alert"});#a=r("p",{id:"count",class:"count",part:"\
count",role:"status"});#i=null;#e="";#r=null;constructor(t,e){this.texts=t,this.on=e,this.#t=r("textarea",{part:"input",
rows:"1",dir:"auto",enterkeyhint:"send","aria-describedby":"count"}),this.#o=r("button",{class:"send",part:"send",type:"\
submit"},y("M12 19V5m-6 6 6-6 6 6")),this.#n=r("p",{class:"banner",part:"banner"},r("span",{},t.editing),r("button",{class:"\
link",type:"button",onclick:()=>this.edit(null)},t.cancel)),this.el=r("form",{class:"composer",part:"composer",onsubmit:s=>this.#d(
s)},this.#s,this.#n,this.#a,r("div",{class:"field",part:"field"},this.#t,this.#o)),this.#t.addEventListener("keydown",s=>this.#h(
s)),this.#t.addEventListener("input",()=>{this.#u(),!this.#i&&this.#t.value&&this.#r?.type()}),this.edit(null)}update(t){
this.#r=t,this.#t.setAttribute("aria-label",p(this.texts.message,{room:t.name})),this.#t.placeholder=this.texts.placeholder,
this.#i&&t.messages.some(e=>e.id===this.#i?.id&&e.deleted_at)&&this.edit(null)}focus(){this.#t.focus()}edit(t){t&&!this.#i&&
(this.#e=this.#t.value),(t||this.#i)&&(this.#t.value=t?t.text:this.#e),this.#i=t,this.#n.hidden=!t,this.#s.textContent="",
this.#o.setAttribute("aria-label",t?this.texts.save:this.texts.send),this.#u(),t&&this.focus()}restore(t){this.edit(null),
this.#t.value=[t,this.#t.value].filter(Boolean).join(`
`),this.#u(),this.focus()}get#l(){let{value:t}=this.#t;return t.length>N?[...t].length-N:0}#h(t){t.isComposing||(t.key===
"Enter"&&!t.shiftKey&&!t.altKey?(t.preventDefault(),this.el.requestSubmit()):t.key==="Escape"&&this.#i?(t.stopPropagation(),
t.preventDefault(),this.edit(null)):t.key==="ArrowUp"&&!this.#t.value&&!this.#i&&(t.preventDefault(),this.on.editLast()))}async#d(t){
t.preventDefault();let e=this.#t.value,[s,i]=[this.#r,this.#i];if(!(!s||!e.trim()||this.#l>0)){if(!i){s.send(e),this.#t.
value="",this.#u(),this.focus(),this.on.sent();return}try{e!==i.text&&await s.edit(i.id,e),this.#i===i&&this.edit(null)}catch(n){
let a=n;this.#s.textContent=a.message,this.on.refused(a,a.message)}}}#u(){let t=Math.max(0,this.#l);h(this.#a,t?p(this.texts.
tooLong,{count:t}):""),this.#t.ariaInvalid=String(t>0),this.#o.ariaDisabled=String(t>0),this.#o.classList.toggle("idle",
t>0||!this.#t.value.trim()),this.#t.style.height="auto";let{scrollHeight:e}=this.#t;e&&(this.#t.style.height=`${e}px`)}};import{connect as nt,Unreachable as ot}from"./sdk.js";import{isTransient as tt,Problem as et,Unreachable as q}from"./sdk.js";var st=100,I=new Set;typeof document=="object"&&document.addEventListener("securitypolicyviolation",({blockedURI:o,effectiveDirective:t})=>{
t==="connect-src"&&URL.canParse(o)&&I.add(new URL(o).origin)});var D={not_found:"notFound",banned:"banned",blocked:"bloc\
ked",username_taken:"nameTaken",rate_limited:"tooMany"};async function w(o,t,{server:e,room:s=""}){let i={server:e,room:s,
origin:globalThis.location?.origin??""},n=(l,c,u=!tt(o))=>({code:l,message:p(t[c],i),error:o,isTransient:!u});if(o instanceof
q&&!o.cause){let l=await B(o,e);return n(l,l,l!=="unreachable")}if(!(o instanceof et))return n("token","notLoggedIn");if(o.
status===401)return n(o.code,"notLoggedIn");if(o.code==="not_found"&&s.startsWith("@"))return n(o.code,"userNotFound");if(Object.
hasOwn(D,o.code))return n(o.code,D[o.code]);if(o.isTransient)return n(o.code||"unavailable","unavailable");let d=o.errors[0]?.
field==="username"?`${t.username} ${o.errors[0].message}.`:o.message;return{code:o.code,message:d,error:o,isTransient:!1}}
var U=async(o,t)=>o instanceof q&&await B(o,t)!=="unreachable",j=new WeakMap;function B(o,t){let e=j.get(o)??it(t);return j.
set(o,e),e}async function it(o){let{origin:t}=new URL(o);if(t===location.origin)return"unreachable";try{let{ok:e}=await fetch(
`${o}/embed.js`,{method:"HEAD",cache:"no-store",credentials:"omit"});return e?"origin":"unreachable"}catch{return await new Promise(
e=>setTimeout(e,st)),I.has(t)?"policy":"unreachable"}}var rt=3e4,at=3e4,lt="/v1/auth/providers",F=o=>Math.min(rt,500*2**o)*(.75+Math.random()/2),k=[],T=class o{client=null;ready=!1;error=null;#t=new Set;#o=new Map;constructor(t){
this.settings=t}static use({server:t,session:e,token:s},i){let n=k.find(({settings:a})=>a.server===t&&a.token===s&&(s||a.
session===e));return n||(n=new o({server:t,session:e,token:s}),k.push(n),n.#n()),n.#t.add(i),n}release(t){if(this.#t.delete(
t),this.#t.size)return;k.splice(k.indexOf(this),1);let{client:e}=this;this.client=null,e?.close()}async#n(){let{server:t,
session:e,token:s}=this.settings,n=nt({server:t,session:e,token:typeof s=="string"?()=>s:s??void 0});this.client=n;let a=l=>{
this.error=l,this.#i()},d=!s;if(n.on("error",l=>d||a(l)),n.on("session",()=>this.#i()),n.on("connection",()=>this.#i()),
!(d&&!await this.#s(n,a))){d=!1;try{await n.ready}catch(l){n===this.client&&a(l);return}n===this.client&&(this.ready=!0,
this.error=null,this.#i())}}async#s(t,e){let s=!1,i=()=>{s=!0};t.ready.then(i,i);let n=()=>t!==this.client||!!(s&&t.user);
for(let a=0;!n();a++){let d=await this.#a();if(!d||n())break;if(e(d),await U(d,this.settings.server))return!1;await new Promise(
l=>setTimeout(l,F(a)))}return t===this.client}async#a(){let{server:t,session:e}=this.settings;try{return await fetch(t+lt,
{method:"HEAD",cache:"no-store",credentials:e==="cookie"?"include":"same-origin",signal:AbortSignal.timeout(at)}),null}catch{
return new ot}}retry(){if(this.ready||!this.error)return;this.error=null;let t=this.client;this.#n(),t?.close()}#i(){for(let t of this.#t)
t()}show(t){this.#o.set(t,(this.#o.get(t)??0)+1)}hide(t){let e=(this.#o.get(t)??0)-1;e>0?this.#o.set(t,e):this.#o.delete(
t)&&t.close()}};function $(o){let t=n=>{try{return new Intl.DateTimeFormat(o||void 0,n)}catch{return new Intl.DateTimeFormat(void 0,n)}},
e=t({hour:"numeric",minute:"2-digit"}),s=t({weekday:"long",day:"numeric",month:"long"}),i=t({day:"numeric",month:"long",
year:"numeric"});return{clock:n=>e.format(n),day(n,a){let d=new Date,l=Math.round((P(d)-P(n))/864e5);return l===0?a.today:
l===1?a.yesterday:(n.getFullYear()===d.getFullYear()?s:i).format(n)}}}var P=o=>new Date(o.getFullYear(),o.getMonth(),o.getDate()).
getTime();function H(o){let t=0;for(;o>=1e3&&t<4;)o/=1e3,t++;return`${t&&o<10?o.toFixed(1):Math.round(o)} ${["B","kB","M\
B","GB","TB"][t]}`}function Y(o){let e=o.split(/[\s._-]+/u).filter(s=>/[\p{L}\p{N}]/u.test(s)).map(s=>[...s].find(i=>/[\p{L}\p{N}]/u.
test(i))??"");return((e[0]??"?")+(e.length>1?e.at(-1):"")).toLocaleUpperCase()}var ct=/\bhttps?:\/\/[^\s<>"]+/g,dt=/[.,;:!?…'*_~)\]}]+$/;
function W(o){let t=document.createDocumentFragment(),e=0;for(let{0:s,index:i}of o.matchAll(ct)){let n=s.includes("(")?s.
replace(/[.,;:!?…'*_~]+$/,""):s.replace(dt,"");URL.canParse(n)&&(t.append(o.slice(e,i),r("a",{href:n,target:"_blank",rel:"\
noopener noreferrer nofollow"},n)),e=i+n.length)}return t.append(o.slice(e)),t}function K(o,t){let e=r("input",{part:"input",name:"username",autocomplete:"nickname",autocapitalize:"none",spellcheck:"\
false",required:!0,"aria-describedby":"problem"}),s=r("p",{id:"problem",class:"error",part:"error",role:"alert"}),i=r("b\
utton",{class:"primary",part:"button",type:"submit"},o.join);return r("form",{class:"panel",part:"login",onsubmit:async a=>{
if(a.preventDefault(),i.ariaBusy==="true")return;i.ariaBusy="true",h(s,"");let d=await t(e.value.trim());i.ariaBusy="fal\
se",h(s,d),e.setAttribute("aria-invalid",String(!!d)),d&&e.focus()}},r("p",{},o.intro),r("label",{},r("span",{},o.username),
e),s,i)}var g=(o,t,e)=>r("div",{class:"panel",part:"notice"},r("p",{role:"alert"},o),t&&r("button",{class:"primary",part:"\
button",type:"button",onclick:e},t));var z=class{#t=null;#o=r("span",{id:"question"});#n;#s=!1;constructor(t,e){this.texts=t;let s=()=>{this.#i(!1),e()},i=()=>this.#t?.
guest?this.#i(!0):e();this.button=r("button",{class:"link",part:"log-out",type:"button",hidden:!0,onclick:i}),h(this.button,
t.logOut),this.#n=this.#e(t.cancel,()=>this.#i(!1)),this.question=r("div",{class:"bar",part:"question",role:"group","ari\
a-labelledby":"question",hidden:!0},this.#o,this.#n,this.#e(t.logOut,s)),this.question.addEventListener("keydown",n=>{n.
key==="Escape"&&(n.stopPropagation(),n.preventDefault(),this.#i(!1))})}update(t){t?.id!==this.#t?.id&&(this.#s=!1),this.#t=
t,this.#a()}#a(){this.button.hidden=!this.#t||this.#s,this.question.hidden=!this.#s,h(this.#o,this.#s?this.texts.logOutQuestion:
"")}#i(t){let e=m(this.question);this.#s=t,this.#a(),t?this.#n.focus():e&&this.button.focus()}#e(t,e){return r("button",
{class:"link",part:"action",type:"button",onclick:e},t)}};var ht=`
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
.header .title { min-inline-size: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 600; }\

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
`,E;function G(){return E||(E=new CSSStyleSheet,E.replaceSync(ht)),E}var ut=({files:o,reply_to:t,...e})=>!!(o.length||t||e.file_ids?.length),S=class{#t=r("span",{part:"sender",dir:"auto"});#o=r(
"time",{part:"time"});#n=r("span",{class:"avatar",part:"avatar","aria-hidden":"true"});#s=r("span",{class:"text",part:"t\
ext",dir:"auto"});#a=r("div",{class:"extra"});#i=r("div",{class:"note","aria-live":"off"});#e="";#r=!1;#l=null;constructor(t,e,s){
this.texts=t,this.times=e,this.actions=s,this.el=r("li",{tabindex:"-1"},this.#n,r("div",{class:"body"},r("div",{class:"h\
ead"},this.#t," ",this.#o),r("div",{class:"bubble",part:"bubble"},this.#s,this.#a),this.#i)),this.el.addEventListener("f\
ocusin",()=>this.#h(0)),this.el.addEventListener("focusout",()=>this.#h(-1))}#h(t){for(let e of this.el.querySelectorAll(
"a, button"))e.tabIndex=e.matches(".failed button")?0:t}update(t){this.#l=t;let{message:e,pending:s,sender:i,own:n,follows:a}=t,
d=JSON.stringify([e??[s?.state,s?.error?.message],i,a,this.#r]);if(d===this.#e)return;this.#e=d;let{deleted_at:l,created_at:c,
text:u=""}=e??{...s,deleted_at:void 0},f=s?.state==="failed",b=Object.entries({own:n,follows:a,deleted:l,pending:s&&!f,failed:f}).
flatMap(([X,Z])=>Z?[X]:[]);this.el.className=["message",...b].join(" "),this.el.setAttribute("part",this.el.className),h(
this.#n,Y(i.display_name)),this.#n.style.setProperty("--hue",String(i.id*67%360)),h(this.#t,n?this.texts.you:i.display_name);
let O=new Date(c??0);this.#o.dateTime=c,h(this.#o,this.times.clock(O));let R=l?this.texts.deleted:u;this.#s.textContent!==
R&&this.#s.replaceChildren(W(R)),this.#a.replaceChildren(...this.#d(),...this.#u()),this.#g(),this.#h(m(this.el)?0:-1)}#d(){
return(this.#l?.message?.files??[]).map(({name:t,size:e})=>r("span",{class:"file",part:"file"},r("bdi",{},t),` ${H(e)}`))}#u(){
let t=this.#l?.message;return(t?.reactions??[]).map(({emoji:e,count:s,me:i})=>r("button",{class:"reaction",part:"reactio\
n",type:"button","aria-pressed":String(!!i),onclick:()=>{this.actions.react(t,e,!i).catch(()=>{})}},`${e} ${s}`))}#g(){let{
message:t,pending:e,own:s}=this.#l,i=m(this.#i),{texts:n}=this,a=[];e?.state==="sending"&&a.push(r("span",{},n.sending)),
e?.state==="failed"&&a.push(r("span",{part:"error",role:"alert"},p(n.failed,{reason:e.error?.message??""})),this.#c(n.retry,
()=>e.retry()),e.text&&!ut(e)&&this.#c(n.edit,()=>this.actions.restore(e)),this.#c(n.discard,()=>e.discard())),t?.edited_at&&
!t.deleted_at&&a.push(r("span",{},n.edited)),t&&s&&!t.deleted_at&&a.push(this.#p(t)),this.#i.replaceChildren(...a.filter(
Boolean)),i&&(this.#i.querySelector("button")??this.el).focus({preventScroll:!0})}#p(t){let{texts:e,actions:s}=this;if(this.#r){
let i=()=>{this.#f(!1),s.remove(t).catch(()=>{})};return r("span",{class:"question"},r("span",{},e.deleteQuestion),this.#c(
e.cancel,()=>this.#f(!1)),this.#c(e.delete,i))}return r("span",{class:"actions",part:"actions"},t.text&&this.#c(e.edit,()=>s.
edit(t)),this.#c(e.delete,()=>this.#f(!0)))}#f(t){this.#r=t,this.#l&&this.update(this.#l)}#c(t,e){return r("button",{class:"\
link",part:"action",type:"button",onclick:e},t)}};var pt=5*6e4,J=200,Q=24,A=class{#t=r("ol");#o=r("button",{class:"older",part:"older",type:"button",onclick:()=>this.#y(!0)});#n=r(
"p",{class:"empty",part:"empty"});#s=r("p",{class:"typing",part:"typing","aria-live":"off"});#a=r("span");#i=r("button",
{class:"jump",part:"jump",type:"button",onclick:()=>{this.toEnd()}},y("M12 5v14m-6-6 6 6 6-6"),this.#a);#e=r("div",{class:"\
log",part:"log",role:"log","aria-live":"polite",tabindex:"0"},this.#o,this.#n,this.#t,this.#s);el=r("div",{class:"timeli\
ne"},this.#e,this.#i);#r=null;#l=null;#h=1/0;#d=!0;#u=!1;#g=!1;#p=new ResizeObserver(()=>{this.#d&&this.#x(),this.#m()});constructor(t,e,s,i){
this.texts=t,this.times=e,this.rows=new x(this.#t,({item:n,label:a})=>{if(!n)return ft(a===t.unread?"unread":"day");let d=new S(
t,e,s);return{el:d.el,update:l=>l.item&&d.update(l.item)}}),this.#e.addEventListener("scroll",()=>{this.#d=this.#c<Q,this.#m(),
this.#k(),i()}),this.#e.addEventListener("keydown",n=>this.#v(n)),this.#p.observe(this.#e),this.#p.observe(this.#t)}get#f(){
return[...this.#t.querySelectorAll(".message")]}get#c(){return this.#e.scrollHeight-this.#e.clientHeight-this.#e.scrollTop}get isAtEnd(){
return this.#d&&!this.#r?.hasNewer}open(t,e){this.#r=t,this.#l=e,this.#h=t.unread?t.membership?.last_read_id??0:1/0,this.#d=
!0,this.#e.setAttribute("aria-busy","true"),this.update();let s=this.#t.querySelector(".unread");s&&(this.#e.scrollTop=Math.
min(this.#e.scrollTop,s.offsetTop)),this.#d=this.#c<Q,requestAnimationFrame(()=>this.#e.removeAttribute("aria-busy"))}close(){
this.#p.disconnect(),this.#r=null}update(){let t=this.#r;if(!t)return;let{texts:e}=this,s=this.#e.scrollTop,i=this.#f.find(
c=>c.offsetTop+c.offsetHeight>s),n=i?.offsetTop??0;this.rows.set(this.#b(t)),this.#e.setAttribute("aria-label",p(e.messages,
{room:t.name})),this.#o.hidden=!t.hasOlder,h(this.#o,this.#g?`${e.olderFailed} ${e.retry}`:e.older),h(this.#n,this.#t.childElementCount?
"":e.empty);let[a,...d]=t.typing,l=a?p(e.typingOne,{name:a.display_name}):"";h(this.#s,d.length?e.typingMany:l),this.#d?
this.#x():i?.isConnected&&(this.#e.scrollTop=s+i.offsetTop-n),this.#k(),this.#m()}#b(t){let e=[],s=this.#l,i="",n=null,a=!1,
d=new Set,l=(c,u)=>{let f=new Date(u);i!==f.toDateString()&&(i=f.toDateString(),e.push({key:`day ${i}`,label:this.times.
day(f,this.texts)}),n=null);let[C,b]=[c.sender.id,f.getTime()],O=n?.sender===C&&b-n.at<pt;e.push({key:c.key,item:{...c,follows:O}}),
n={sender:C,at:b}};for(let c of t.messages){let u=c.sender.id===s.id;!a&&c.id>this.#h&&!u&&(a=!0,(n||!t.hasOlder)&&e.push(
{key:"unread",label:this.texts.unread}),n=null);let f=u&&c.client_id?c.client_id:String(c.id);d.add(f),l({key:f,message:c,
sender:c.sender,own:u},c.created_at)}for(let c of t.hasNewer?[]:t.pending){let u=c.client_id;d.has(u)||l({key:u,pending:c,
sender:s,own:!0},c.created_at)}return e}#k(){this.#i.hidden=this.isAtEnd;let t=this.#r?.unread;h(this.#a,t?p(this.texts.
newCount,{count:t}):""),this.#i.setAttribute("aria-label",t?p(this.texts.newCount,{count:t}):this.texts.newest)}#x(){this.#e.
scrollTop=this.#e.scrollHeight}async toEnd(){this.#h=1/0,this.#d=!0,this.#r?.hasNewer&&await this.#r.loadNewest().catch(
()=>{}),this.update()}#m(){this.#e.clientHeight&&(this.#e.scrollTop<J&&this.#y(!1),this.#c<J&&this.#r?.hasNewer&&this.#r.
loadNewer().catch(()=>{}))}async#y(t){let e=this.#r;if(!e?.hasOlder||this.#u||this.#g&&!t)return;this.#u=!0,this.#g=!1,this.#e.
setAttribute("aria-busy","true");let s=m(this.#o);try{await e.loadOlder()}catch{this.#g=!0}this.#u=!1,this.update(),s&&this.#o.
hidden&&this.#e.focus(),requestAnimationFrame(()=>this.#e.removeAttribute("aria-busy"))}#v(t){if(t.key!=="ArrowUp"&&t.key!==
"ArrowDown"||t.altKey||t.ctrlKey||t.metaKey)return;let e=this.#f,s=e.findIndex(m),i=s<0?e.at(-1):e[s+(t.key==="ArrowUp"?
-1:1)];i&&(t.preventDefault(),i.focus())}};function ft(o){let t=r("span");return{el:r("li",{class:o,part:o},t),update:({
label:s=""})=>h(t,s)}}var L=class{#t=new AbortController;#o=[];#n=null;#s;#a=!1;#i=!1;#e=null;#r=null;#l=null;#h=null;#d=!1;#u=new WeakSet;#g=r(
"strong",{class:"title",part:"title",dir:"auto"});#p=r("span",{class:"status",part:"status",role:"status"});#f=r("div",{
class:"content"});#c;#b;constructor(t,e,s,i){this.host=t,this.settings=e,this.texts=s,this.address=e.room,this.#c=new z(
s,()=>{this.#R()}),this.#b=r("section",{class:"root",part:"root"},r("div",{class:"header",part:"header"},this.#g,this.#p,
this.#c.button),this.#c.question,this.#f);let n=t.shadowRoot??t.attachShadow({mode:"open"});if(n.adoptedStyleSheets=[G()],
n.replaceChildren(this.#b),this.#y(e.room),i){this.#m(g(s[i])),this.#w({code:i==="noRoom"?"no_room":"no_server",message:s[i],
isTransient:!1});return}this.#k(),this.#e=T.use(e,this.#z),this.#z()}get client(){return this.#e?.client??null}has(t){let e=this.
settings;return Object.entries(t).every(([s,i])=>e[s]===i)}close(){this.#t.abort(),this.#S(),this.#e?.release(this.#z)}#k(){
let{signal:t}=this.#t;document.addEventListener("visibilitychange",()=>this.#x(),{signal:t});let e=new IntersectionObserver(
s=>{this.#d=s.at(-1)?.isIntersecting??!1,this.#x()});e.observe(this.#b),t.addEventListener("abort",()=>e.disconnect())}#x(){
let t=this.#n;t?.unread&&this.#d&&!document.hidden&&this.#l?.isAtEnd&&t.markRead()}#m(...t){this.#f.replaceChildren(...t)}#y(t){
h(this.#g,t),this.#b.setAttribute("aria-label",t)}#v(t,e){this.host.dispatchEvent(new CustomEvent(t,{detail:e,bubbles:!0,
composed:!0}))}#w({code:t,message:e,error:s}){this.#v("parley-error",{code:t,message:e,error:s})}#A(t,e){let s=t instanceof
mt?t.code:t instanceof gt?"unreachable":"unsent";this.#w({code:s,message:e,error:t,isTransient:!1})}#z=()=>{let t=this.#e;
if(!t||this.#t.signal.aborted)return;let{client:e,ready:s,error:i}=t;if(this.#c.update(!this.settings.token&&e?.user||null),
!s){i?this.#E(i,()=>t.retry()):this.#r||h(this.#p,this.texts.connecting);return}let n=e?.user??null;if(n!==this.#s){let a=!!this.#s;
this.#S(),this.#s=n,n?this.#T():this.#F(a)}this.#L()};#L(){let t=this.client?.connection;this.#i||=t==="open",h(this.#p,
this.#n&&this.#i&&t==="connecting"?this.texts.reconnecting:"")}async#E(t,e){if(this.#r===t)return!1;this.#r=t;let s=await w(
t,this.texts,this.settings);if(this.#t.signal.aborted||this.#r!==t)return!1;h(this.#p,"");let i=()=>{this.#r=null,e()};return this.#f.
querySelector("[role=alert]")?.textContent!==s.message&&this.#m(g(s.message,this.texts.retry,i)),this.#w(s),s.isTransient}#F(t){
let{texts:e,settings:s}=this;if(s.token){this.#m(g(e.ended,e.retry,()=>{this.#_()}));return}this.#r=null;let i=K(e,async a=>{
let d=a.replace(/\s+/g,"_");try{return await this.client?.logIn({username:d,guest:!0}),d!==a&&this.client?.request("PATC\
H","/v1/users/me",{body:{display_name:a}}).catch(()=>{}),""}catch(l){let c=await w(l,e,s),{code:u}=c,f=u==="forbidden"?e.
guestsOff:c.message;return this.#w({...c,message:f}),f}}),n=m(this.#b);this.#m(i),t&&n&&i.querySelector("input").focus()}async#_(){
try{await this.client?.request("GET","/v1/users/me")}catch(t){this.#E(t,()=>{this.#_()})}}async#R(){try{await this.client?.
logOut()}catch(t){h(this.#p,(await w(t,this.texts,this.settings)).message)}}async#T(){if(this.#a)return;this.#a=!0;let t=this.#s;
h(this.#p,this.texts.connecting);try{let e=await this.#M();this.#t.signal.aborted||t!==this.#s?e.close():this.#D(e)}catch(e){
!this.#t.signal.aborted&&t===this.#s&&await this.#N(e)}this.#a=!1,t!==this.#s&&this.#s&&this.#T()}async#M(){let t=this.client;
if(this.address.startsWith("@")){let s=await t.direct(this.address);return await s.open(),s}let e=await t.open(this.address);
return e.membership||e.data.kind!=="public"?e:t.join(e.id)}#C=0;async#N(t){let e,s=()=>{clearTimeout(e),!this.#t.signal.
aborted&&!this.#n&&this.#T()};await this.#E(t,s)&&(e=setTimeout(s,F(this.#C++)))}#D(t){let{texts:e}=this;this.#r=null,this.#C=
0,this.#n=t,this.#e?.show(t);let s=new v(e,{sent:()=>{n.toEnd()},editLast:()=>a(),refused:(l,c)=>this.#A(l,c)}),i={edit:l=>s.
edit(l),restore:l=>{l.discard(),s.restore(l.text??"")},remove:l=>t.delete(l.id),react:(l,c,u)=>u?t.react(l.id,c):t.unreact(
l.id,c)},n=new A(e,$(this.settings.lang),i,()=>this.#x()),a=()=>{let l=t.messages.findLast(c=>c.sender.id===this.#s?.id&&
c.text);l&&s.edit(l)};[this.#h,this.#l]=[s,n];let d=m(this.#b);this.#m(n.el,s.el),n.open(t,this.#s),this.#o.push(t.subscribe(
()=>this.#O()),...this.#j(t.id)),this.#O(),this.#L(),d&&s.focus(),this.#v("parley-ready",{room:t.data,user:this.#s})}#j(t){
let e=i=>i.room_id===t&&this.#v("parley-message",i),s=this.client;return[s.on("message.created",e),s.on("message.notific\
ation",e)]}#O(){let t=this.#n;if(t){if(!t.membership){this.#S();let{removed:e,joinAgain:s}=this.texts;this.#m(g(e,s,()=>{
this.#T()})),this.#w({code:"removed",message:e,isTransient:!1});return}this.#y(t.name),this.#h?.update(t);for(let{error:e}of t.
pending.filter(s=>s.state==="failed"))!e||this.#u.has(e)||(this.#u.add(e),this.#A(e,p(this.texts.failed,{reason:e.message})));
this.#l?.update(),this.#x()}}#S(){for(let t of this.#o.splice(0))t();this.#l?.close(),this.#n&&this.#e?.hide(this.#n),this.#n=
this.#l=this.#h=null}};var bt=globalThis.HTMLElement??class{},xt=(import.meta.url??"").replace(/[^/]*$/,""),yt=["server","room","session","toke\
n","texts"],V=o=>/^https?:/.test(o)&&URL.canParse(o),_=class extends bt{static observedAttributes=["server","room","sess\
ion","token","lang"];#t;#o={};#n=null;#s=!1;connectedCallback(){for(let t of yt){if(!Object.hasOwn(this,t))continue;let{
[t]:e}=this;delete this[t],this[t]=e}this.#a()}disconnectedCallback(){this.#a()}attributeChangedCallback(){this.#a()}get server(){
let t=this.getAttribute("server")?.trim()||xt;return(t.startsWith("/")?new URL(t,document.baseURI).href:t).replace(/\/+$/,
"")}set server(t){this.setAttribute("server",t)}get room(){return this.getAttribute("room")??""}set room(t){this.setAttribute(
"room",t)}get session(){let t=this.getAttribute("session");if(t==="cookie"||t==="storage")return t;let{server:e}=this,{protocol:s,
hostname:i}=new URL(V(e)?e:location.href);return s===location.protocol&&i===location.hostname?"cookie":"storage"}set session(t){
this.setAttribute("session",t)}get token(){return this.#t??this.getAttribute("token")}set token(t){this.#t=t??void 0,this.#a()}get texts(){
return this.#o}set texts(t){this.#o=t??{},this.#a(!0)}get client(){return this.#n?.client??null}focus(t){this.shadowRoot?.
querySelector("textarea, input, button")?.focus(t)}#a(t=!1){t&&this.#e(),!this.#s&&(this.#s=!0,queueMicrotask(()=>{this.#s=
!1,this.#i()}))}#i(){if(!this.isConnected){this.#e();return}let{server:t,room:e,session:s,token:i}=this,{lang:n}=this.closest(
"[lang]")??document.documentElement,a={server:t,room:e.trim(),session:s,token:i,lang:n};if(this.#n?.has(a))return;this.#e();
let d={...M,...this.#o},l=V(t)?a.room?"":"noRoom":"noServer";this.#n=new L(this,a,d,l)}#e(){this.#n?.close(),this.#n=null}};globalThis.customElements&&!customElements.get("parley-room")&&customElements.define("parley-room",_);export{_ as ParleyRoom};
