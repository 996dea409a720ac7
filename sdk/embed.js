function r(o,e={},...t){let s=document.createElement(o);for(let[i,n]of Object.entries(e))n==null||n===!1||(i.startsWith("on")?s.addEventListener(i.slice(2),n):s.setAttribute(i,n===!0?"":String(n)));for(let i of t)i&&s.append(i);return s}function v(o){let[e,t]=["svg","path"].map(s=>document.createElementNS("http://www.w3.org/2000/svg",s));for(let[s,i]of[["viewBox","0 0 24 24"],["aria-hidden","true"]])e.setAttribute(s,i);return t.setAttribute("d",o),e.append(t),e}function h(o,e){o.textContent!==e&&(o.textContent=e)}function m(o){let e=o.getRootNode();return o.contains(e.activeElement??null)}var x=class{#e=new Map;constructor(e,t){this.parent=e,this.make=t}set(e){let t=new Map;for(let i of e){let n=this.#e.get(i.key)??this.make(i);this.#e.delete(i.key),t.set(i.key,n),n.update(i)}for(let{el:i}of this.#e.values())i.remove();this.#e=t;let s=this.parent.firstElementChild;for(let{el:i}of t.values())i===s?s=i.nextElementSibling:this.parent.insertBefore(i,s)}};import{isTransient as V,Problem as D,Unreachable as Q}from"./sdk.js";var R={connecting:"Connecting\u2026",reconnecting:"Reconnecting\u2026",messages:"Messages in {room}",empty:"No messages yet. Write the first one.",older:"Load older messages",olderFailed:"The older messages could not be loaded.",unread:"New messages",newest:"Newest messages",newCount:"{count} new",message:"Message to {room}",placeholder:"Write a message",send:"Send",save:"Save",sending:"Sending\u2026",failed:"Not sent: {reason}",retry:"Try again",discard:"Discard",edit:"Edit",editing:"Editing a message",edited:"edited",cancel:"Cancel",delete:"Delete",deleteQuestion:"Delete this message?",deleted:"Message deleted",you:"You",today:"Today",yesterday:"Yesterday",typingOne:"{name} is typing\u2026",typingMany:"Several people are typing\u2026",intro:"Choose a name to join the conversation.",username:"Your name",join:"Join",joinAgain:"Join again",logOut:"Log out",ended:"Your session has ended.",removed:"You are not in this room any more.",noRoom:'This element needs a room: <parley-room room="#lobby">.',noServer:'This element needs the address of a server: <parley-room server="https://chat.example.com">.',notFound:"There is no room {room} on this server, or you are not a member of it.",userNotFound:"There is no user {room} on this server.",banned:"You are banned from this room.",blocked:"You cannot write to this person.",nameTaken:"Somebody has this name already. Choose another one.",guestsOff:"This server lets no guests in.",tooMany:"That was too much at once. Try again in a moment.",notLoggedIn:"This page could not log you in.",unreachable:"The server cannot be reached. Trying again\u2026",unavailable:"The server is not available at the moment. Trying again\u2026",origin:"The chat server {server} does not accept this page: {origin} is not one of its --cors-origins.",policy:"The content security policy of this page does not let it connect to {server}."},f=(o,e)=>o.replace(/\{(\w+)\}/g,(t,s)=>String(e[s]??t));var X=100,j=new Set;typeof document=="object"&&document.addEventListener("securitypolicyviolation",({blockedURI:o,effectiveDirective:e})=>{e==="connect-src"&&URL.canParse(o)&&j.add(new URL(o).origin)});var N={not_found:"notFound",banned:"banned",blocked:"blocked",username_taken:"nameTaken",rate_limited:"tooMany"};async function w(o,e,{server:t,room:s=""}){let i={server:t,room:s,origin:globalThis.location?.origin??""},n=(c,l)=>({code:c,message:f(e[l],i),error:o,isTransient:V(o)});if(o instanceof Q&&!o.cause){let c=await Z(t);return n(c,c)}if(!(o instanceof D))return n("token","notLoggedIn");if(o.status===401)return n(o.code,"notLoggedIn");if(o.code==="not_found"&&s.startsWith("@"))return n(o.code,"userNotFound");if(Object.hasOwn(N,o.code))return n(o.code,N[o.code]);if(o.isTransient)return n(o.code||"unavailable","unavailable");let d=o.errors[0]?.field==="username"?`${e.username} ${o.errors[0].message}.`:g(o);return{code:o.code,message:d,error:o,isTransient:!1}}function g(o){let[e]=o instanceof D?o.errors:[];return e?`${e.field} ${e.message}`:o?.message??""}async function Z(o){let{origin:e}=new URL(o);if(e===location.origin)return"unreachable";try{let{ok:t}=await fetch(`${o}/embed.js`,{method:"HEAD",cache:"no-store",credentials:"omit"});return t?"origin":"unreachable"}catch{return await new Promise(t=>setTimeout(t,X)),j.has(e)?"policy":"unreachable"}}var k=class{#e;#n;#i;#s=r("p",{class:"error",part:"error",role:"alert"});#o=null;#l="";#t=null;constructor(e,t){this.texts=e,this.on=t,this.#e=r("textarea",{part:"input",rows:"1",dir:"auto",enterkeyhint:"send"}),this.#n=r("button",{class:"send",part:"send",type:"submit"},v("M12 19V5m-6 6 6-6 6 6")),this.#i=r("p",{class:"banner",part:"banner"},r("span",{},e.editing),r("button",{class:"link",type:"button",onclick:()=>this.edit(null)},e.cancel)),this.el=r("form",{class:"composer",part:"composer",onsubmit:s=>this.#a(s)},this.#s,this.#i,r("div",{class:"field",part:"field"},this.#e,this.#n)),this.#e.addEventListener("keydown",s=>this.#r(s)),this.#e.addEventListener("input",()=>{this.#d(),!this.#o&&this.#e.value&&this.#t?.type()}),this.edit(null)}update(e){this.#t=e,this.#e.setAttribute("aria-label",f(this.texts.message,{room:e.name})),this.#e.placeholder=this.texts.placeholder,this.#o&&e.messages.some(t=>t.id===this.#o?.id&&t.deleted_at)&&this.edit(null)}focus(){this.#e.focus()}edit(e){e&&!this.#o&&(this.#l=this.#e.value),(e||this.#o)&&(this.#e.value=e?e.text:this.#l),this.#o=e,this.#i.hidden=!e,this.#s.textContent="",this.#n.setAttribute("aria-label",e?this.texts.save:this.texts.send),this.#d(),e&&this.focus()}#r(e){e.isComposing||(e.key==="Enter"&&!e.shiftKey&&!e.altKey?(e.preventDefault(),this.el.requestSubmit()):e.key==="Escape"&&this.#o?(e.stopPropagation(),e.preventDefault(),this.edit(null)):e.key==="ArrowUp"&&!this.#e.value&&!this.#o&&(e.preventDefault(),this.on.editLast()))}async#a(e){e.preventDefault();let t=this.#e.value,[s,i]=[this.#t,this.#o];if(!(!s||!t.trim())){if(!i){s.send(t),this.#e.value="",this.#d(),this.focus(),this.on.sent();return}try{t!==i.text&&await s.edit(i.id,t),this.#o===i&&this.edit(null)}catch(n){this.#s.textContent=g(n)}}}#d(){this.#n.classList.toggle("idle",!this.#e.value.trim()),this.#e.style.height="auto";let{scrollHeight:e}=this.#e;e&&(this.#e.style.height=`${e}px`)}};import{connect as ee}from"./sdk.js";var te=3e4,M=o=>Math.min(te,500*2**o)*(.75+Math.random()/2),T=[],z=class o{client=null;ready=!1;error=null;#e=new Set;#n=new Map;constructor(e){this.settings=e}static use({server:e,session:t,token:s},i){let n=T.find(({settings:a})=>a.server===e&&a.token===s&&(s||a.session===t));return n||(n=new o({server:e,session:t,token:s}),T.push(n),n.#i()),n.#e.add(i),n}release(e){if(this.#e.delete(e),this.#e.size)return;T.splice(T.indexOf(this),1);let{client:t}=this;this.client=null,t?.close()}async#i(){let{server:e,session:t,token:s}=this.settings,n=ee({server:e,session:t,token:typeof s=="string"?()=>s:s??void 0});this.client=n;let a=d=>{this.error=d,this.#s()};n.on("error",a),n.on("session",()=>this.#s()),n.on("connection",()=>this.#s());try{await n.ready}catch(d){n===this.client&&a(d);return}n===this.client&&(this.ready=!0,this.error=null,this.#s())}retry(){if(this.ready||!this.error)return;this.error=null;let e=this.client;this.#i(),e?.close()}#s(){for(let e of this.#e)e()}show(e){this.#n.set(e,(this.#n.get(e)??0)+1)}hide(e){let t=(this.#n.get(e)??0)-1;t>0?this.#n.set(e,t):this.#n.delete(e)&&e.close()}};function I(o){let e=n=>{try{return new Intl.DateTimeFormat(o||void 0,n)}catch{return new Intl.DateTimeFormat(void 0,n)}},t=e({hour:"numeric",minute:"2-digit"}),s=e({weekday:"long",day:"numeric",month:"long"}),i=e({day:"numeric",month:"long",year:"numeric"});return{clock:n=>t.format(n),day(n,a){let d=new Date,c=Math.round(($(d)-$(n))/864e5);return c===0?a.today:c===1?a.yesterday:(n.getFullYear()===d.getFullYear()?s:i).format(n)}}}var $=o=>new Date(o.getFullYear(),o.getMonth(),o.getDate()).getTime();function U(o){let e=0;for(;o>=1e3&&e<4;)o/=1e3,e++;return`${e&&o<10?o.toFixed(1):Math.round(o)} ${["B","kB","MB","GB","TB"][e]}`}function q(o){let t=o.split(/[\s._-]+/u).filter(s=>/[\p{L}\p{N}]/u.test(s)).map(s=>[...s].find(i=>/[\p{L}\p{N}]/u.test(i))??"");return((t[0]??"?")+(t.length>1?t.at(-1):"")).toLocaleUpperCase()}var se=/\bhttps?:\/\/[^\s<>"]+/g,ie=/[.,;:!?…'*_~)\]}]+$/;function B(o){let e=document.createDocumentFragment(),t=0;for(let{0:s,index:i}of o.matchAll(se)){let n=s.includes("(")?s.replace(/[.,;:!?…'*_~]+$/,""):s.replace(ie,"");URL.canParse(n)&&(e.append(o.slice(t,i),r("a",{href:n,target:"_blank",rel:"noopener noreferrer nofollow"},n)),t=i+n.length)}return e.append(o.slice(t)),e}function P(o,e){let t=r("input",{part:"input",name:"username",autocomplete:"nickname",autocapitalize:"none",spellcheck:"false",required:!0,"aria-describedby":"problem"}),s=r("p",{id:"problem",class:"error",part:"error",role:"alert"}),i=r("button",{class:"primary",part:"button",type:"submit"},o.join);return r("form",{class:"panel",part:"login",onsubmit:async a=>{if(a.preventDefault(),i.ariaBusy==="true")return;i.ariaBusy="true",h(s,"");let d=await e(t.value.trim());i.ariaBusy="false",h(s,d),t.setAttribute("aria-invalid",String(!!d)),d&&t.focus()}},r("p",{},o.intro),r("label",{},r("span",{},o.username),t),s,i)}var b=(o,e,t)=>r("div",{class:"panel",part:"notice"},r("p",{role:"alert"},o),e&&r("button",{class:"primary",part:"button",type:"button",onclick:t},e));var ne=`
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
`,E;function H(){return E||(E=new CSSStyleSheet,E.replaceSync(ne)),E}var A=class{#e=r("span",{part:"sender",dir:"auto"});#n=r("time",{part:"time"});#i=r("span",{class:"avatar",part:"avatar","aria-hidden":"true"});#s=r("span",{class:"text",part:"text",dir:"auto"});#o=r("div",{class:"extra"});#l=r("div",{class:"note","aria-live":"off"});#t="";#r=!1;#a=null;constructor(e,t,s){this.texts=e,this.times=t,this.actions=s,this.el=r("li",{tabindex:"-1"},this.#i,r("div",{class:"body"},r("div",{class:"head"},this.#e," ",this.#n),r("div",{class:"bubble",part:"bubble"},this.#s,this.#o),this.#l)),this.el.addEventListener("focusin",()=>this.#d(0)),this.el.addEventListener("focusout",()=>this.#d(-1))}#d(e){for(let t of this.el.querySelectorAll(".note button, .reaction"))t.closest(".failed")||(t.tabIndex=e)}update(e){this.#a=e;let{message:t,pending:s,sender:i,own:n,follows:a}=e,d=JSON.stringify([t??[s?.state,s?.error?.message],i,a,this.#r]);if(d===this.#t)return;this.#t=d;let{deleted_at:c,created_at:l,text:u=""}=t??{...s,deleted_at:void 0},p=s?.state==="failed",y=Object.entries({own:n,follows:a,deleted:c,pending:s&&!p,failed:p}).flatMap(([J,G])=>G?[J]:[]);this.el.className=["message",...y].join(" "),this.el.setAttribute("part",this.el.className),h(this.#i,q(i.display_name)),this.#i.style.setProperty("--hue",String(i.id*67%360)),h(this.#e,n?this.texts.you:i.display_name);let O=new Date(l??0);this.#n.dateTime=l,h(this.#n,this.times.clock(O));let F=c?this.texts.deleted:u;this.#s.textContent!==F&&this.#s.replaceChildren(B(F)),this.#o.replaceChildren(...this.#u(),...this.#g()),this.#h()}#u(){return(this.#a?.message?.files??[]).map(({name:e,size:t})=>r("span",{class:"file",part:"file"},r("bdi",{},e),` ${U(t)}`))}#g(){let e=this.#a?.message;return(e?.reactions??[]).map(({emoji:t,count:s,me:i})=>r("button",{class:"reaction",part:"reaction",type:"button",tabindex:"-1","aria-pressed":String(!!i),onclick:()=>{this.actions.react(e,t,!i).catch(()=>{})}},`${t} ${s}`))}#h(){let{message:e,pending:t,own:s}=this.#a,i=m(this.#l),{texts:n}=this,a=[];t?.state==="sending"&&a.push(r("span",{},n.sending)),t?.state==="failed"&&a.push(r("span",{part:"error",role:"alert"},f(n.failed,{reason:g(t.error)})),this.#c(n.retry,()=>t.retry(),0),this.#c(n.discard,()=>t.discard(),0)),e?.edited_at&&!e.deleted_at&&a.push(r("span",{},n.edited)),e&&s&&!e.deleted_at&&a.push(this.#f(e)),this.#l.replaceChildren(...a),i&&(this.#l.querySelector("button")??this.el).focus({preventScroll:!0})}#f(e){let{texts:t,actions:s}=this;if(this.#r){let i=()=>{this.#p(!1),s.remove(e).catch(()=>{})};return r("span",{class:"question"},r("span",{},t.deleteQuestion),this.#c(t.cancel,()=>this.#p(!1)),this.#c(t.delete,i))}return r("span",{class:"actions",part:"actions"},e.text&&this.#c(t.edit,()=>s.edit(e)),this.#c(t.delete,()=>this.#p(!0)))}#p(e){this.#r=e,this.#a&&this.update(this.#a)}#c(e,t,s=-1){return r("button",{class:"link",part:"action",type:"button",tabindex:s,onclick:t},e)}};var oe=5*6e4,Y=200,K=24,S=class{#e=r("ol");#n=r("button",{class:"older",part:"older",type:"button",onclick:()=>this.#x(!0)});#i=r("p",{class:"empty",part:"empty"});#s=r("p",{class:"typing",part:"typing","aria-live":"off"});#o=r("span");#l=r("button",{class:"jump",part:"jump",type:"button",onclick:()=>{this.toEnd()}},v("M12 5v14m-6-6 6 6 6-6"),this.#o);#t=r("div",{class:"log",part:"log",role:"log","aria-live":"polite",tabindex:"0"},this.#n,this.#i,this.#e,this.#s);el=r("div",{class:"timeline"},this.#t,this.#l);#r=null;#a=null;#d=1/0;#u=!0;#g=!1;#h=!1;#f=new ResizeObserver(()=>{this.#u&&this.#m(),this.#y()});constructor(e,t,s,i){this.texts=e,this.times=t,this.rows=new x(this.#e,({item:n,label:a})=>{if(!n)return re(a===e.unread?"unread":"day");let d=new A(e,t,s);return{el:d.el,update:c=>c.item&&d.update(c.item)}}),this.#t.addEventListener("scroll",()=>{this.#u=this.#c<K,this.#y(),this.#b(),i()}),this.#t.addEventListener("keydown",n=>this.#v(n)),this.#f.observe(this.#t),this.#f.observe(this.#e)}get#p(){return[...this.#e.querySelectorAll(".message")]}get#c(){return this.#t.scrollHeight-this.#t.clientHeight-this.#t.scrollTop}get isAtEnd(){return this.#u&&!this.#r?.hasNewer}open(e,t){this.#r=e,this.#a=t,this.#d=e.unread?e.membership?.last_read_id??0:1/0,this.#u=!0,this.#t.setAttribute("aria-busy","true"),this.update();let s=this.#e.querySelector(".unread");s&&(this.#t.scrollTop=Math.min(this.#t.scrollTop,s.offsetTop)),this.#u=this.#c<K,requestAnimationFrame(()=>this.#t.removeAttribute("aria-busy"))}close(){this.#f.disconnect(),this.#r=null}update(){let e=this.#r;if(!e)return;let{texts:t}=this,s=this.#t.scrollTop,i=this.#p.find(l=>l.offsetTop+l.offsetHeight>s),n=i?.offsetTop??0;this.rows.set(this.#k(e)),this.#t.setAttribute("aria-label",f(t.messages,{room:e.name})),this.#n.hidden=!e.hasOlder,h(this.#n,this.#h?`${t.olderFailed} ${t.retry}`:t.older),h(this.#i,this.#e.childElementCount?"":t.empty);let[a,...d]=e.typing,c=a?f(t.typingOne,{name:a.display_name}):"";h(this.#s,d.length?t.typingMany:c),this.#u?this.#m():i?.isConnected&&(this.#t.scrollTop=s+i.offsetTop-n),this.#b(),this.#y()}#k(e){let t=[],s=this.#a,i="",n=null,a=!1,d=new Set,c=(l,u)=>{let p=new Date(u);i!==p.toDateString()&&(i=p.toDateString(),t.push({key:`day ${i}`,label:this.times.day(p,this.texts)}),n=null);let[C,y]=[l.sender.id,p.getTime()],O=n?.sender===C&&y-n.at<oe;t.push({key:l.key,item:{...l,follows:O}}),n={sender:C,at:y}};for(let l of e.messages){let u=l.sender.id===s.id;!a&&l.id>this.#d&&!u&&(a=!0,(n||!e.hasOlder)&&t.push({key:"unread",label:this.texts.unread}),n=null);let p=u&&l.client_id?l.client_id:String(l.id);d.add(p),c({key:p,message:l,sender:l.sender,own:u},l.created_at)}for(let l of e.hasNewer?[]:e.pending){let u=l.client_id;d.has(u)||c({key:u,pending:l,sender:s,own:!0},l.created_at)}return t}#b(){this.#l.hidden=this.isAtEnd;let e=this.#r?.unread;h(this.#o,e?f(this.texts.newCount,{count:e}):""),this.#l.setAttribute("aria-label",e?f(this.texts.newCount,{count:e}):this.texts.newest)}#m(){this.#t.scrollTop=this.#t.scrollHeight}async toEnd(){this.#d=1/0,this.#u=!0,this.#r?.hasNewer&&await this.#r.loadNewest().catch(()=>{}),this.update()}#y(){this.#t.clientHeight&&(this.#t.scrollTop<Y&&this.#x(!1),this.#c<Y&&this.#r?.hasNewer&&this.#r.loadNewer().catch(()=>{}))}async#x(e){let t=this.#r;if(!t?.hasOlder||this.#g||this.#h&&!e)return;this.#g=!0,this.#h=!1,this.#t.setAttribute("aria-busy","true");let s=m(this.#n);try{await t.loadOlder()}catch{this.#h=!0}this.#g=!1,this.update(),s&&this.#n.hidden&&this.#t.focus(),requestAnimationFrame(()=>this.#t.removeAttribute("aria-busy"))}#v(e){if(e.key!=="ArrowUp"&&e.key!=="ArrowDown"||e.altKey||e.ctrlKey||e.metaKey)return;let t=this.#p,s=t.findIndex(m),i=s<0?t.at(-1):t[s+(e.key==="ArrowUp"?-1:1)];i&&(e.preventDefault(),i.focus())}};function re(o){let e=r("span");return{el:r("li",{class:o,part:o},e),update:({label:s=""})=>h(e,s)}}var ae=o=>/^(?:\d+$|[#@])/.test(o)?o:`#${o}`,_=class{#e=new AbortController;#n=[];#i=null;#s;#o=!1;#l=!1;#t=null;#r=null;#a=null;#d=null;#u=!1;#g=r("strong",{class:"title",part:"title",dir:"auto"});#h=r("span",{class:"status",part:"status",role:"status"});#f=r("button",{class:"link",part:"log-out",type:"button",onclick:()=>{this.#O()}});#p=r("div",{class:"content"});#c=r("section",{class:"root",part:"root"},r("div",{class:"header",part:"header"},this.#g,this.#h,this.#f),this.#p);constructor(e,t,s,i){this.host=e,this.settings=t,this.texts=s,this.address=ae(t.room);let n=e.shadowRoot??e.attachShadow({mode:"open"});if(n.adoptedStyleSheets=[H()],n.replaceChildren(this.#c),h(this.#f,s.logOut),this.#y(t.room),i){this.#m(b(s[i])),this.#v({code:i==="noRoom"?"no_room":"no_server",message:s[i],isTransient:!1});return}this.#k(),this.#t=z.use(t,this.#T),this.#T()}get client(){return this.#t?.client??null}has(e){let t=this.settings;return Object.entries(e).every(([s,i])=>t[s]===i)}close(){this.#e.abort(),this.#E(),this.#t?.release(this.#T)}#k(){let{signal:e}=this.#e;document.addEventListener("visibilitychange",()=>this.#b(),{signal:e});let t=new IntersectionObserver(s=>{this.#u=s.at(-1)?.isIntersecting??!1,this.#b()});t.observe(this.#c),e.addEventListener("abort",()=>t.disconnect())}#b(){let e=this.#i;e?.unread&&this.#u&&!document.hidden&&this.#a?.isAtEnd&&e.markRead()}#m(...e){this.#p.replaceChildren(...e)}#y(e){h(this.#g,e),this.#c.setAttribute("aria-label",e)}#x(e,t){this.host.dispatchEvent(new CustomEvent(e,{detail:t,bubbles:!0,composed:!0}))}#v({code:e,message:t,error:s}){this.#x("parley-error",{code:e,message:t,error:s})}#T=()=>{let e=this.#t;if(!e||this.#e.signal.aborted)return;let{client:t,ready:s,error:i}=e;if(this.#f.hidden=!t?.user||!!this.settings.token,!s){i?this.#z(i,()=>e.retry()):this.#r||h(this.#h,this.texts.connecting);return}let n=t?.user??null;if(n!==this.#s){let a=!!this.#s;this.#E(),this.#s=n,n?this.#w():this.#C(a)}this.#A()};#A(){let e=this.client?.connection;this.#l||=e==="open",h(this.#h,this.#i&&this.#l&&e==="connecting"?this.texts.reconnecting:"")}async#z(e,t){if(this.#r===e)return!1;this.#r=e;let s=await w(e,this.texts,this.settings);if(this.#e.signal.aborted||this.#r!==e)return!1;h(this.#h,"");let i=()=>{this.#r=null,t()};return this.#p.querySelector("[role=alert]")?.textContent!==s.message&&this.#m(b(s.message,this.texts.retry,i)),this.#v(s),s.isTransient}#C(e){let{texts:t,settings:s}=this;if(s.token){this.#m(b(t.ended,t.retry,()=>{this.#S()}));return}this.#r=null;let i=P(t,async a=>{let d=a.replace(/\s+/g,"_");try{return await this.client?.logIn({username:d,guest:!0}),d!==a&&this.client?.request("PATCH","/v1/users/me",{body:{display_name:a}}).catch(()=>{}),""}catch(c){let l=await w(c,t,s),{code:u}=l,p=u==="forbidden"?t.guestsOff:l.message;return this.#v({...l,message:p}),p}}),n=m(this.#c);this.#m(i),e&&n&&i.querySelector("input").focus()}async#S(){try{await this.client?.request("GET","/v1/users/me")}catch(e){this.#z(e,()=>{this.#S()})}}async#O(){try{await this.client?.logOut()}catch(e){h(this.#h,(await w(e,this.texts,this.settings)).message)}}async#w(){if(this.#o)return;this.#o=!0;let e=this.#s;h(this.#h,this.texts.connecting);try{let t=await this.#F();this.#e.signal.aborted||e!==this.#s?t.close():this.#N(t)}catch(t){!this.#e.signal.aborted&&e===this.#s&&await this.#R(t)}this.#o=!1,e!==this.#s&&this.#s&&this.#w()}async#F(){let e=this.client;if(this.address.startsWith("@")){let s=await e.direct(this.address);return await s.open(),s}let t=await e.open(this.address);return t.membership||t.data.kind!=="public"?t:e.join(t.id)}#_=0;async#R(e){let t,s=()=>{clearTimeout(t),!this.#e.signal.aborted&&!this.#i&&this.#w()};await this.#z(e,s)&&(t=setTimeout(s,M(this.#_++)))}#N(e){let{texts:t}=this;this.#r=null,this.#_=0,this.#i=e,this.#t?.show(e);let s=new k(t,{sent:()=>{n.toEnd()},editLast:()=>a()}),i={edit:c=>s.edit(c),remove:c=>e.delete(c.id),react:(c,l,u)=>u?e.react(c.id,l):e.unreact(c.id,l)},n=new S(t,I(this.settings.lang),i,()=>this.#b()),a=()=>{let c=e.messages.findLast(l=>l.sender.id===this.#s?.id&&l.text);c&&s.edit(c)};[this.#d,this.#a]=[s,n];let d=m(this.#c);this.#m(n.el,s.el),n.open(e,this.#s),this.#n.push(e.subscribe(()=>this.#L()),...this.#D(e.id)),this.#L(),this.#A(),d&&s.focus(),this.#x("parley-ready",{room:e.data,user:this.#s})}#D(e){let t=i=>i.room_id===e&&this.#x("parley-message",i),s=this.client;return[s.on("message.created",t),s.on("message.notification",t)]}#L(){let e=this.#i;if(e){if(!e.membership){this.#E();let{removed:t,joinAgain:s}=this.texts;this.#m(b(t,s,()=>{this.#w()})),this.#v({code:"removed",message:t,isTransient:!1});return}this.#y(e.name),this.#d?.update(e),this.#a?.update(),this.#b()}}#E(){for(let e of this.#n.splice(0))e();this.#a?.close(),this.#i&&this.#t?.hide(this.#i),this.#i=this.#a=this.#d=null}};var le=globalThis.HTMLElement??class{},ce=(import.meta.url??"").replace(/[^/]*$/,""),de=["server","room","session","token","texts"],W=o=>/^https?:/.test(o)&&URL.canParse(o),L=class extends le{static observedAttributes=["server","room","session","token","lang"];#e;#n={};#i=null;#s=!1;connectedCallback(){for(let e of de){if(!Object.hasOwn(this,e))continue;let{[e]:t}=this;delete this[e],this[e]=t}this.#o()}disconnectedCallback(){this.#o()}attributeChangedCallback(){this.#o()}get server(){let e=this.getAttribute("server")?.trim()||ce;return(e.startsWith("/")?new URL(e,document.baseURI).href:e).replace(/\/+$/,"")}set server(e){this.setAttribute("server",e)}get room(){return this.getAttribute("room")??""}set room(e){this.setAttribute("room",e)}get session(){let e=this.getAttribute("session");if(e==="cookie"||e==="storage")return e;let{server:t}=this,{protocol:s,hostname:i}=new URL(W(t)?t:location.href);return s===location.protocol&&i===location.hostname?"cookie":"storage"}set session(e){this.setAttribute("session",e)}get token(){return this.#e??this.getAttribute("token")}set token(e){this.#e=e??void 0,this.#o()}get texts(){return this.#n}set texts(e){this.#n=e??{},this.#o(!0)}get client(){return this.#i?.client??null}focus(e){this.shadowRoot?.querySelector("textarea, input, button")?.focus(e)}#o(e=!1){e&&this.#t(),!this.#s&&(this.#s=!0,queueMicrotask(()=>{this.#s=!1,this.#l()}))}#l(){if(!this.isConnected){this.#t();return}let{server:e,room:t,session:s,token:i}=this,{lang:n}=this.closest("[lang]")??document.documentElement,a={server:e,room:t.trim(),session:s,token:i,lang:n};if(this.#i?.has(a))return;this.#t();let d={...R,...this.#n},c=W(e)?a.room?"":"noRoom":"noServer";this.#i=new _(this,a,d,c)}#t(){this.#i?.close(),this.#i=null}};globalThis.customElements&&!customElements.get("parley-room")&&customElements.define("parley-room",L);export{L as ParleyRoom};
