function wt([i,...t]){return i&&`${i.field} ${i.message}${t.length?` (and ${t.length} more)`:""}`}var f=class extends Error{constructor(t,e,s=0){
let r=Array.isArray(e?.errors)?e.errors:[];super(wt(r)||e?.detail||e?.title||`The server responded with status ${t}.`),this.
name="Problem",this.status=t,this.code=e?.code??"",this.type=e?.type??"",this.title=e?.title??"",this.detail=e?.detail??
"",this.errors=r,this.requestId=e?.request_id,this.retryAfter=s}get isTransient(){return this.status>=500&&this.status!==
501||this.status===429||this.status===408}},m=class extends Error{constructor(t){super("The server cannot be reached. Ch\
eck your connection and try again.",{cause:t}),this.name="Unreachable"}},y=i=>i instanceof m||i instanceof f&&i.isTransient;var I=class{constructor(t,e,s,r=()=>{}){this.base=t,this.token=e,this.ended=s,this.session=r}async call(t,e,s){let r=await this.
open(t,e,s),{headers:o,status:n}=r;if(s?.bytes)return{data:await M(r.blob()),headers:o,status:n};let h=await M(r.text()),
a;try{h&&(a=JSON.parse(h))}catch{throw new m}return{data:a,headers:o,status:n}}async open(t,e,s={}){let r=this.session(),
o=async h=>{let a=s.anonymous?"":await this.token(h,r);return this.#t(t,e,s,a)},n=await o(!1);if(n.status===401&&!s.anonymous){
let h=await Q(n.clone());h.code==="token_expired"||h.code==="unauthenticated"||!h.code?n=await o(!0):h.code==="session_r\
evoked"&&this.ended("session_revoked",r)}if(!n.ok)throw await Q(n);return n}async#t(t,e,{body:s,raw:r,key:o,headers:n,signal:h,
keepalive:a,cookies:c},l){let d=new Headers(n);l&&d.set("Authorization",`Bearer ${l}`),s!==void 0&&d.set("Content-Type",
"application/json"),o&&d.set("Idempotency-Key",o);let u=new Request(this.base+e,{method:t,headers:d,signal:h,keepalive:a,
body:s===void 0?r:JSON.stringify(s),credentials:c?"include":"same-origin",cache:"no-store",redirect:"error"});return M(fetch(
u,{signal:h}))}async get(t,e){return(await this.call("GET",t,e)).data}async getAll(t,e=1/0){let s=[],[r,o]=["",""];do{let{
data:n,headers:h}=await this.call("GET",`${t}?limit=200${r&&`&cursor=${encodeURIComponent(r)}`}`);s.push(...n.items),o||=
h.get("Event-Cursor")??"",r=n.next_cursor??""}while(r&&s.length<e);return{items:s,event:o,complete:!r}}};async function M(i){
try{return await i}catch(t){throw t.name==="AbortError"?t:new m}}async function Q(i){let t=null;try{t=await i.json()}catch{}
return new f(i.status,t,Number(i.headers.get("Retry-After"))||0)}function g(){return[...crypto.getRandomValues(new Uint8Array(16))].map(t=>t.toString(16).padStart(2,"0")).join("")}var N=(i,t)=>encodeURIComponent(
/^(\d+$|[#@])/.test(String(t))?t:i+t),mt=60*6e4;function p(i){let t=()=>{};return{over:new Promise(s=>{let r=setTimeout(
s,i>0?Math.min(i,mt):0);t=()=>{clearTimeout(r),s(void 0)}}),wake:t}}var gt=(i,t=3e4)=>Math.min(t,500*2**i)*(.75+Math.random()/
2),v=(i,t,e)=>Math.max(Number(i)||0,gt(t,e)),E=i=>i instanceof f?i.retryAfter*1e3:0,k=class{#t=new Set;add=t=>{let e=(...s)=>t(
...s);return this.#t.add(e),()=>{this.#t.delete(e)}};call(...t){for(let e of this.#t)try{e(...t)}catch(s){C(s)}}},C=i=>console.
error(i),_=class{#t=new k;#e=!1;subscribe=this.#t.add;changed(){this.#e||(this.#e=!0,queueMicrotask(()=>{this.#e=!1,this.#t.
call()}))}},U=class{#t=new Map;#e=!1;async run(t,e,s=50){let r=this.#t.get(t);if(r){r.again=!0;return}let o={again:!0,wake:()=>{}};
this.#t.set(t,o);let n=0,h=0;for(;o.again&&!this.#e;){let a=p(n?v(h,n):s);if(n&&(o.wake=a.wake),await a.over,this.#e)break;
o.again=!1;try{await e(),n=0}catch(c){y(c)?(n++,h=E(c),o.again=!0):c.name!=="Problem"&&C(c)}}this.#t.delete(t)}repeat(t){
let e=this.#t.get(t);e&&(e.again=!0)}wake(){for(let t of this.#t.values())t.wake()}stop(){this.#e=!0,this.wake()}};var yt=40,kt=4,vt=3e3,_t="~",L=new Map,tt={async hold(i,t){let e=L.get(i),s=(async()=>(await e,t()))(),r=s.then(()=>{},()=>{});
return L.set(i,r),r.then(()=>L.get(i)===r&&L.delete(i)),s},keep:()=>()=>{},whenGone:(i,t)=>{t()}};function J(){if(!navigator.
locks)return bt();let{locks:i}=navigator;return{hold:(t,e)=>i.request(t,e),keep(t){let e=()=>{},s=new Promise(r=>{e=()=>r(
void 0)});return i.request(t,()=>s),e},whenGone:(t,e,s)=>{i.request(t,{signal:s},e).catch(()=>{})}}}function bt(){let i=new Map,
t=new Map,e=a=>t.get(a)??[],s=new BroadcastChannel("parley.locks");s.onmessage=({data:{type:a,name:c,id:l}})=>{if(a==="f\
ree")for(let d of e(c))d.wake();else if(a==="want")if(r(c,l))s.postMessage({type:"no",name:c,id:l});else for(let d of e(
c))d.id>l&&(d.refused=!0);else for(let d of e(c))d.id===l&&(d.refused=!0)};let r=(a,c)=>i.has(a)||e(a).some(l=>l.id<c&&!l.
refused);async function o(a,c){c.refused=r(a,c.id),s.postMessage({type:"want",name:a,id:c.id});for(let l=0;l<kt;l++)await p(
yt).over;return!c.refused&&!r(a,c.id)}function n(a){i.delete(a),s.postMessage({type:"free",name:a});for(let c of e(a))c.
wake()}async function h(a,c,l="",d){let u={id:l+g(),refused:!1,wake:()=>{}};t.set(a,[...e(a),u]);try{for(;!await o(a,u);){
if(d?.aborted)return;let w=p(vt);u.wake=w.wake,await w.over}if(d?.aborted)return}finally{t.set(a,e(a).filter(w=>w!==u))}
i.set(a,u.id);try{return await c()}finally{n(a)}}return{hold:h,keep(a){return i.set(a,g()),()=>n(a)},whenGone:(a,c,l)=>{
h(a,c,_t,l)}}}var S=class{#t=new Map;#e=null;hasOlder=!1;hasNewer=!1;loaded=!1;loading="";#s=0;#i=0;#r=!1;constructor(t,e,s,r,o=500){this.
path=`/v1/rooms/${t}/messages`,this.http=e,this.tasks=s,this.changed=r,this.max=o}get list(){return this.#e??=[...this.#t.
values()].sort((t,e)=>t.id-e.id)}get(t){return this.#t.get(t)}get first(){return this.list[0]?.id??0}get last(){return this.
list.at(-1)?.id??0}get#n(){let t=this.first;for(;this.#t.has(t+1);)t++;return t}#o(){this.#e=null,this.changed()}reset(){
this.#s++,this.#t.clear(),this.#i=0,this.loaded=this.hasOlder=this.hasNewer=!1,this.loading="",this.#o()}loadNewest(){return this.#a(
"")}loadAround(t){return this.#a(`&around=${t}`)}async#a(t){let e=++this.#s;this.loading="page",this.changed();try{let s=await this.
http.get(`${this.path}?limit=50${t}`);if(e!==this.#s)return;let r=s.items.at(-1)?.id??0,o=t||this.hasNewer?[]:this.list.
filter(n=>n.id>r);this.#t.clear(),this.#u([...s.items,...o]),this.hasOlder=t?this.first>1:!!s.next_cursor,this.hasNewer=
!1,this.loaded=!0,t&&(this.hasNewer=!0,await this.#d("newer",e))}finally{e===this.#s&&this.#l()}}#l(){this.loading="",this.#o(),
this.#r&&(this.#r=!1,this.catchUp())}async loadMore(t){if(this.loading||!(t==="older"?this.hasOlder:this.hasNewer))return;
let e=this.#s;this.loading=t,this.changed();try{await this.#d(t,e)}finally{e===this.#s&&this.#l()}}async#d(t,e){let s=t===
"older",r=s?`before=${this.first}`:`after=${this.last||1}`,o=await this.http.get(`${this.path}?limit=50&${r}`);if(e!==this.#s)
return;this.#u(o.items);let n=!!o.next_cursor,h=this.#t.size>this.max;h&&this.#h(s?this.list.slice(this.max):this.list.slice(
0,-this.max)),s?(this.hasOlder=n,this.hasNewer||=h):(this.hasNewer=n,this.hasOlder||=h)}catchUp(){return this.tasks.run(
`catch up ${this.path}`,async()=>{if(!this.loaded||this.hasNewer){this.#r||=!!this.loading;return}for(let t=0;t<2;t++){let e=this.#s,
s=this.#n,r=await this.http.get(`${this.path}?limit=200${s?`&after=${s}`:""}`);if(e!==this.#s||this.hasNewer||(this.#u(r.
items),this.#o(),!r.next_cursor))return;if(!s)break}await this.loadNewest()},0)}add(t){return this.#t.has(t.id)?(this.merge(
t,!0),!1):!this.loaded||this.hasNewer?(this.#r||=!!this.loading,!1):t.id<this.first||t.id<=this.#i||t.id>(this.last||this.#i)+
1&&(this.catchUp(),!this.last)?!1:(this.#u([t]),this.#t.size>this.max*1.5&&(this.#h(this.list.slice(0,-this.max)),this.hasOlder=
!0),this.#o(),!0)}#u(t){for(let e of t)e.id>this.#i&&this.#t.set(e.id,et(this.#t.get(e.id),e));this.#e=null}#h(t){for(let{
id:e}of t)this.#t.delete(e);this.#e=null}merge(t,e){let s=this.#t.get(t.id);s&&(this.#t.set(t.id,et(s,e?{...t,reactions:s.
reactions}:t)),this.#o())}remove(t){let e=this.#t.get(t);if(!e||e.deleted_at)return;let{text:s,...r}=e;this.#t.set(t,{...r,
files:[],reactions:[],deleted_at:new Date().toISOString()}),this.#o()}clear(t){this.#i=Math.max(t,this.#i),this.#h(this.
list.filter(e=>e.id<=t)),(this.#t.size===0||!this.hasNewer)&&(this.hasOlder=!1),this.#o()}react({message_id:t,emoji:e,count:s},r){
let o=this.#t.get(t);if(!o||o.deleted_at)return;let n=o.reactions.find(c=>c.emoji===e),h={emoji:e,count:s,me:r??n?.me??!1},
a=n?o.reactions.map(c=>c===n?h:c):[...o.reactions,h];this.#t.set(t,{...o,reactions:a.filter(c=>c.count>0)}),this.#o()}};
function et(i,t){return i?i.deleted_at&&!t.deleted_at?i:(i.edited_at??"")>(t.edited_at??"")&&!t.deleted_at?{...i,reactions:t.
reactions}:t:t}function F(){let i=new Map;return{get:t=>i.get(t)??null,set:(t,e)=>{i.set(t,e)},remove:t=>{i.delete(t)},keys:()=>[...i.keys()]}}
function Tt(){let i=F(),t=(e,s)=>{try{return e()}catch{return s}};return{get:e=>t(()=>localStorage.getItem(e),null)??i.get(
e),set:(e,s)=>{i.set(e,s),t(()=>{localStorage.setItem(e,s),i.remove(e)},void 0)},remove:e=>{i.remove(e),t(()=>localStorage.
removeItem(e),void 0)},keys:()=>[...i.keys(),...t(()=>Object.keys(localStorage),[])]}}function st(i){let t=async(e,s)=>{
try{return await e()}catch(r){return C(r),s}};return{get:e=>t(()=>i.get(e),null),set:(e,s)=>t(async()=>(await i.set(e,s),
!0),!1),remove:e=>t(()=>i.remove(e),void 0),keys:()=>t(()=>i.keys(),[])}}var x=typeof document=="object"&&typeof localStorage==
"object",X=()=>x?Tt():F();var Et=1380*6e4,xt=3e4,b=class extends Error{name="Unsent"},D=class{client_id=g();created_at=new Date().toISOString();state="\
sending";error;text;reply_to;type;files=[];file_ids=[];resolve=()=>{};reject=()=>{};sent=new Promise((t,e)=>{this.resolve=
t,this.reject=e});constructor(t,e,s){this.room_id=e,Object.assign(this,s),this.sent.catch(()=>{}),this.retry=()=>t.retry(
this),this.discard=()=>t.discard(this)}get isUploaded(){return this.files.every(t=>t.state==="done")}get ids(){return[...this.
file_ids,...this.files.map(t=>t.info?.id??"")]}get body(){let{client_id:t,text:e,reply_to:s,type:r,files:o,ids:n}=this,h=o.
length&&o.every(a=>a.info?.width)?"image":"file";return{client_id:t,...e&&{text:e},...s&&{reply_to:s},...n.length&&{file_ids:n},
type:r??(n.length?h:"text")}}get stored(){let{client_id:t,room_id:e,text:s,reply_to:r,type:o,created_at:n,state:h,ids:a,
error:c}=this;return{client_id:t,room_id:e,text:s,reply_to:r,type:o,created_at:n,state:h,file_ids:a,why:c?.message}}},O=i=>typeof i==
"string",j=i=>t=>t===void 0||i(t),it={client_id:O,room_id:Number.isSafeInteger,text:j(O),reply_to:j(Number.isSafeInteger),
type:j(O),created_at:i=>O(i)&&Date.parse(i)>0,state:i=>i==="sending"||i==="failed",file_ids:i=>Array.isArray(i)&&i.every(
O),why:j(O)};function St(i){try{let t=JSON.parse(i);return Object.entries(it).every(([s,r])=>r(t[s]))?Object.fromEntries(
Object.keys(it).map(s=>[s,t[s]])):null}catch{return null}}var $=class{all=[];#t=new Map;#e=new AbortController;#s=new Set;constructor(t,e,s,{
key:r,tab:o,changed:n,stored:h}){this.http=t,this.storage=st(e),this.locks=s,this.prefix=`${r}.unsent.`,this.tab=o,this.
changed=n,this.stored=h,this.#u(),x&&addEventListener("storage",a=>{a.newValue&&a.key?.startsWith(this.prefix)&&this.#h(
a.key)},{signal:this.#e.signal})}add(t,e){let s=new D(this,t,e);this.all=[...this.all,s],this.#e.signal.aborted&&this.#f(
"The session has ended.");for(let r of s.files)r.subscribe(()=>this.changed(t));return this.#i(s),s}#i(t){let e=()=>this.#n(
t).then(()=>this.#l(t.room_id));for(let s of t.files)s.file.then(e,r=>this.#o(t,r));this.changed(t.room_id),e()}#r=t=>`${this.
prefix}${this.tab}.${t.client_id}`;async#n(t){if(!t.isUploaded||!this.all.includes(t))return!0;let e=await this.storage.
set(this.#r(t),JSON.stringify(t.stored));return this.all.includes(t)||await this.storage.remove(this.#r(t)),e}#o(t,e){t.
state="failed",t.error=e,this.#n(t),this.changed(t.room_id)}retry(t){if(!(t.state!=="failed"||!this.all.includes(t))){t.
state="sending",t.error=void 0;for(let e of t.files)e.retry();this.#i(t)}}discard(t){for(let e of t.files)e.stop();t.reject(
new b("The message was discarded.")),this.#a(t)}acknowledge(t){let e=this.all.find(s=>s.client_id===t.client_id&&s.room_id===
t.room_id);e&&(this.#a(e),e.resolve(t))}#a(t){this.all=this.all.filter(e=>e!==t),this.changed(t.room_id),this.storage.remove(
this.#r(t))}wake(){for(let t of this.#t.values())t.wake();for(let{files:t}of this.all)for(let e of t)e.wake()}async#l(t){
if(!this.#t.has(t)){this.#t.set(t,p(0));for(let e=0;!this.#e.signal.aborted;){let s=this.all.find(n=>n.room_id===t&&n.state===
"sending"&&n.isUploaded);if(!s)break;let r=await this.#d(s);if(!r){e=0;continue}let o=p(v(E(r),e++,15e3));this.#t.set(t,
o),await o.over}this.#t.delete(t)}}async#d(t){let{signal:e}=this.#e,s=new AbortController,r=()=>s.abort(new m),o=setTimeout(
r,xt);e.addEventListener("abort",r);try{let{data:n}=await this.http.call("POST",`/v1/rooms/${t.room_id}/messages`,{key:t.
client_id,body:t.body,signal:s.signal});this.stored(n),this.acknowledge(n),this.#a(t),t.resolve(n);return}catch(n){if(e.
aborted)return;if(y(n)||n instanceof f&&n.status===401)return n;this.#o(t,n);return}finally{clearTimeout(o),e.removeEventListener(
"abort",r)}}async#u(){for(let t of await this.storage.keys())t.startsWith(this.prefix)&&this.#h(t)}#h(t){let e=t.slice(this.
prefix.length).split(".")[0];this.#s.has(e)||(this.#s.add(e),e===this.tab?this.#c(e):this.locks.whenGone(e,()=>this.#c(e),
this.#e.signal))}async#c(t){let e=(await this.storage.keys()).filter(s=>s.startsWith(`${this.prefix}${t}.`));for(let s of e){
let r=await this.storage.get(s);if(!r||this.#e.signal.aborted)continue;let o=St(r);if(!o){await this.storage.remove(s);continue}
let{why:n,...h}=o;if(this.all.some(c=>c.client_id===h.client_id))continue;let a=new D(this,h.room_id,h);n&&(a.error=new b(
n)),Date.now()-Date.parse(a.created_at)>Et&&(a.state="failed",a.error=new b("It is more than a day old.")),this.all=[...this.
all,a].sort((c,l)=>c.created_at<l.created_at?-1:1),this.changed(a.room_id),await this.#n(a)&&t!==this.tab&&await this.storage.
remove(s)}for(let s of new Set(this.all.map(r=>r.room_id)))this.#l(s)}async clear(){this.#f("You have logged out."),this.
all=[];for(let t of await this.storage.keys())t.startsWith(this.prefix)&&await this.storage.remove(t)}#f(t){for(let e of this.
all)e.reject(new b(t))}close(){this.#e.abort(),this.#f("The session has ended.");for(let t of this.#t.values())t.wake()}};var Ot=4*1024*1024,$t=1024*1024,B={"Tus-Resumable":"1.0.0"},At=2,Mt=8,q=class extends Error{},W=(i,...t)=>i instanceof f&&
t.includes(i.status),It=i=>y(i)||W(i,423),Nt=i=>i instanceof q||W(i,409,460),rt=[],V=0;function ot(){for(;V<At;){let i=rt.
shift();if(!i)return;V++,i.run().finally(()=>{V--,ot()})}}var T=class extends _{sent=0;state="waiting";error;file;info;#t="";#e=g();#s=new AbortController;#i=p(
0);#r=()=>{};#n=()=>{};constructor(t,e,s,r){super(),this.http=t,this.room=e,this.data=s instanceof Blob?s:s.data,this.name=
s.name||"file",this.size=this.data.size,this.url=r,this.file=this.#o(),this.#a()}#o(){let t=new Promise((e,s)=>{this.#r=
e,this.#n=s});return t.catch(()=>{}),t}#a(){this.state="waiting",rt.push(this),ot()}retry(){this.state==="failed"&&(this.
error=void 0,this.file=this.#o(),this.#a(),this.changed())}stop(){this.close("The upload was stopped.")&&this.url&&this.
http.call("DELETE",this.url,{headers:B}).catch(()=>{})}close(t="The session has ended."){return this.state==="done"||this.
state==="stopped"?!1:(this.#l("stopped",new Error(t)),this.#s.abort(),this.#i.wake(),!0)}wake(){this.#i.wake()}#l(t,e){this.
state=t,this.error=e,this.#n(e),this.changed()}async run(){if(this.state!=="waiting")return;this.state="sending";let t=!this.
url,[e,s,r]=[0,0,this.sent];for(;this.state==="sending";){try{t||await this.#u(),t=!0,await this.#d(),this.sent>r&&(r=this.
sent,e=s=0)}catch(o){if(this.state==="stopped")return;if(!It(o)&&!(Nt(o)&&++s<Mt)){this.#l("failed",o);return}t=!1,this.#i=
p(v(E(o),e++,1e4)),await this.#i.over}this.changed()}}async#d(){if(this.url)if(!this.#t)await this.#c();else{let{signal:t}=this.#s;
this.info=await this.http.get(`/v1/files/${encodeURIComponent(this.#t)}`,{signal:t}),this.state="done",this.#r(this.info)}else{
let{headers:t}=await this.http.call("POST","/v1/uploads",{key:this.#e,headers:{...B,"Upload-Length":String(this.size),"U\
pload-Metadata":this.#p()},signal:this.#s.signal});this.url=new URL(t.get("Location")??"","http://server").pathname}}async#u(){
if(!(!this.url||this.#t))try{let{headers:t}=await this.http.call("HEAD",this.url,{headers:B,signal:this.#s.signal});this.#h(
e=>t.get(e))}catch(t){if(!W(t,404,410))throw t;this.url=void 0,this.#e=g(),this.sent=0}}#h(t){let e=t("Upload-Offset")??
"";if(!/^\d+$/.test(e)||Number(e)>this.size)throw new Error("The server, or a proxy before it, does not say how much of \
the file it has.");this.sent=Number(e),this.#t=t("Parley-File-Id")??""}async#c(){let t=this.sent;await this.#f(t);let e=this.
sent===this.size;if(!this.#t&&(e||this.sent<=t))throw new q("The server takes no more of the file.")}async#f(t){let e={...B,
"Upload-Offset":String(t),"Content-Type":"application/offset+octet-stream"},s=this.url,{signal:r}=this.#s,o=globalThis.XMLHttpRequest?
Ot:$t,n=await this.data.slice(t,t+o).arrayBuffer();if(!globalThis.XMLHttpRequest){let l=await this.http.call("PATCH",s,{
headers:e,raw:n,signal:r});this.#h(d=>l.headers.get(d));return}let h=await this.http.token(!1);r.throwIfAborted();let a=await new Promise(
(l,d)=>{let u=new XMLHttpRequest;u.open("PATCH",this.http.base+s);for(let[w,R]of Object.entries({...e,Authorization:`Bea\
rer ${h}`}))u.setRequestHeader(w,R);u.upload.onprogress=w=>{this.sent=t+w.loaded,this.changed()},u.onload=()=>l(u),u.onerror=
u.onabort=()=>d(new m),r.onabort=()=>u.abort(),u.send(n)}),{status:c}=a;if(c===204)this.#h(l=>a.getResponseHeader(l));else{
this.sent=t;let l=Number(a.getResponseHeader("Retry-After"))||0;throw c===401&&await this.http.token(!0),c===401?new m:new f(
c,Pt(a.responseText),l)}}#p(){let t={filename:this.name,filetype:this.data.type||"application/octet-stream",room_id:String(
this.room)};return Object.entries(t).map(([e,s])=>`${e} ${btoa(String.fromCharCode(...new TextEncoder().encode(s)))}`).join(
",")}};function Pt(i){try{return JSON.parse(i)}catch{return null}}var Rt=5e3,Ut=3e3,G=class extends _{isOpen=!1;seen=0;#t=new Map;typing=[];#e=0;pending=[];constructor(t,e){super(),this.
account=t,this.data=e,this.id=e.id,this.path=`/v1/rooms/${e.id}`,this.history=new S(e.id,t.http,t.tasks,()=>this.changed())}get membership(){
return this.data.membership}get unread(){return this.membership?.unread_count??0}get name(){let{data:t}=this;return t.kind!==
"direct"?t.name??t.handle??"":t.users?.find(e=>e.id!==this.account.user.id)?.display_name??""}get messages(){return this.
history.list}get hasOlder(){return this.history.hasOlder}get hasNewer(){return this.history.hasNewer}async open(){this.isOpen=
!0,this.account.showRooms(),this.history.loaded?await this.history.catchUp():await this.history.loadNewest()}sync(){let{
history:t}=this;return t.loaded?t.catchUp():this.account.tasks.run(`messages ${this.id}`,()=>t.loadNewest(),0)}close(){this.
isOpen=!1,this.account.showRooms()}loadOlder(){return this.history.loadMore("older")}loadNewer(){return this.history.loadMore(
"newer")}loadNewest(){return this.history.loadNewest()}loadAround(t){return this.history.loadAround(t)}send(t){let{files:e=[],
...s}=typeof t=="string"?{text:t}:t,r=[],o=[];for(let n of e)typeof n=="string"?o.push(n):r.push(n instanceof T?n:this.account.
upload(this.id,n));return this.account.outbox.add(this.id,{...s,files:r,file_ids:o})}async edit(t,e){let{data:s}=await this.
account.http.call("PATCH",`${this.path}/messages/${t}`,{body:{text:e}});return this.history.merge(s,!1),s}async delete(t){
await this.account.http.call("DELETE",`${this.path}/messages/${t}`),this.history.remove(t),this.refresh()}async react(t,e){
await this.account.http.call("PUT",`${this.path}/messages/${t}/reactions/${encodeURIComponent(e)}`)}async unreact(t,e){await this.
account.http.call("DELETE",`${this.path}/messages/${t}/reactions/${encodeURIComponent(e)}`)}async markRead(t=Math.max(this.
data.last_message_id,this.history.last)){!this.membership||t<=this.membership.last_read_id||(this.account.applyRead(this.
id,t),await this.account.tasks.run(`read ${this.id}`,async()=>{let e=this.membership?.last_read_id;if(e)try{await this.account.
http.call("PUT",`${this.path}/read`,{body:{message_id:e}}),this.account.tasks.repeat(`room ${this.id}`)}catch(s){if(y(s))
throw s;this.refresh()}},0))}type(){Date.now()-this.#e<Ut||(this.#e=Date.now(),this.account.http.call("POST",`${this.path}\
/typing`).catch(()=>{}))}setTyping(t,e){if(clearTimeout(this.#t.get(t.id)?.timer),this.#t.delete(t.id),e)this.#t.set(t.id,
{user:t,timer:setTimeout(()=>this.setTyping(t,!1),Rt)});else if(!this.typing.some(s=>s.id===t.id))return;this.typing=[...this.#t.
values()].map(s=>s.user),this.changed()}async mute(t){await this.account.http.call("PATCH",`${this.path}/members/me`,{body:{
muted:t}}),await this.refresh()}async leave(){await this.account.http.call("DELETE",`${this.path}/members/me`),await this.
refresh()}refresh(){return this.account.refresh(this.id,0)}};var Ct=6e4,Lt=15e3,jt=4*1024*1024,Dt=200,H=class{lastId="";streamId="";rooms=[];#t=!1;#e=0;#s=()=>{};#i=p(0);#r=0;constructor(t,e,s,r){
this.http=t,this.onEvent=e,this.onState=s,this.roomsNow=r}async run(t){this.lastId=t;let e=setInterval(()=>this.#n()&&this.#s(),
Lt);for(let s=0;!this.#t;){this.#r=0;try{await this.#o()&&(s=0)}catch(r){this.#r||=E(r)}if(this.streamId="",this.#t)break;
this.onState(!1),this.#i=p(v(this.#r,s++)),await this.#i.over}clearInterval(e)}#n=()=>Date.now()-this.#e>Ct;wake(t){this.#i.
wake(),this.streamId&&(t||this.#n())&&this.#s()}stop(){this.#t=!0,this.#s(),this.#i.wake()}async#o(){let t=new AbortController;
this.#s=()=>t.abort(),this.#e=Date.now(),this.rooms=this.roomsNow().slice(0,Dt);let e=this.rooms.map(c=>`room=${c}`).join(
"&"),{body:s}=await this.http.open("GET",`/v1/events${e&&`?${e}`}`,{headers:{Accept:"text/event-stream",...this.lastId&&
{"Last-Event-ID":this.lastId}},signal:t.signal}),r=s.getReader(),o=new TextDecoder,n="",h=!1,a={id:"",event:"",data:"",retry:""};
try{for(;;){let{done:c,value:l}=await r.read();if(c)return h;this.#e=Date.now();let d=(n+o.decode(l,{stream:!0})).split(
`
`);if(n=d.pop()??"",n.length>jt)throw h=!1,new Error("The event stream has a line without end.");for(let u of d){let w=u.
indexOf(": "),R=u.slice(0,w);if(Object.hasOwn(a,R)&&(a[R]=u.slice(w+2)),!(u||!a.event)){if(h||=a.event==="ready",this.#a(
{name:a.event,id:a.id,data:a.data&&JSON.parse(a.data)}),this.#t)return h;a.event==="busy"&&(this.#r=a.retry),Object.assign(
a,{id:"",event:"",data:""})}}}}catch(c){if(h)return!0;throw c}finally{t.abort()}}#a(t){let{name:e,id:s,data:r}=t;s&&(this.
lastId=s),e==="ready"?(this.streamId=r.stream_id,this.onState(!0)):e==="server.closing"?(this.#r=r?.reconnect_in_ms,this.#s()):
e==="session.revoked"&&this.stop(),this.onEvent(t)}};var nt=2e3,Bt=5e3,at=i=>Array.isArray(i)&&i.every(t=>Number.isSafeInteger(t)&&t>0),qt=i=>Array.isArray(i)&&i.every(t=>typeof t?.[0]==
"string"&&at(t[1])),Gt=i=>typeof i?.from=="string"&&(i.type!=="join"||at(i.rooms))&&(i.type!=="state"||qt(i.tabs??[]))&&
(i.type!=="event"||typeof i.event?.name=="string"),A=class{event=new k;state=new k;entered=new k;isOpen=!1;joined;#t="";#e=new AbortController;#s=null;#i=null;#r=new Map;#n=[];#o=new Set;#a=new Set;#l=!1;#d=[];#u="";#h=new Set;#c=!1;#f=()=>{};#p=()=>{};constructor(t,e,s,r,o){
if(this.http=t,this.locks=e,this.key=s,this.#t=r,this.joined=new Promise(n=>{this.#p=()=>n(void 0)}),!o){this.#y();return}
this.#s=new BroadcastChannel(`${s}.stream`),this.#s.onmessage=({data:n})=>Gt(n)&&this.#A(n),this.#w({type:"join",rooms:[]}),
setTimeout(this.#p,Bt),this.#m()}#w(t){this.#s?.postMessage({from:this.#t,...t})}async#m(){for(;!this.#e.signal.aborted;)
await this.locks.hold(`${this.key}.leader`,async()=>{this.#e.signal.aborted||await new Promise(t=>{this.#f=()=>{this.#c=
!1,this.#i?.stop(),this.#i=null,this.#r.clear(),t(void 0)},this.#y()})})}#y(){this.#c=!0,this.#o.clear();for(let t of this.#r.
keys())this.#E(t);this.#r.set(this.#t,this.#n),this.#w({type:"leads"}),this.#p(),this.#u&&this.#k()}#k(){if(!this.#c||this.#i)
return;let t=new H(this.http,e=>{this.#w({type:"event",event:e}),this.#S(e)},e=>this.#$(e),()=>this.#v());this.#i=t,t.run(
this.#u)}#v(){return[...new Set([...this.#r.values()].flat())].filter(t=>!this.#a.has(t))}#$(t){if(this.#o.clear(),this.#_(
t),this.#T(t),t)for(let e of this.#i?.rooms??[])this.#b(e);this.#g()}#_(t=this.isOpen){this.#w({type:"state",isOpen:t,tabs:[
...this.#r]})}#b(t){this.#o.add(t),this.#w({type:"entered",room:t}),this.#n.includes(t)&&this.entered.call(t)}#T(t){this.
isOpen!==t&&(this.isOpen=t,this.state.call(t))}#A(t){let{from:e,type:s}=t;if(s==="leads")this.#c&&this.#t<e?this.#w({type:"\
leads"}):(this.#f(),this.#w({type:"join",rooms:this.#n}));else if(this.#c)s==="join"?this.#M(e,t.rooms):s==="bye"?this.#x(
e):s==="wake"&&this.#i?.wake(t.isOnline);else if(s==="event")this.#S(t.event);else if(s==="join")this.#r.set(e,t.rooms);else if(s===
"bye")this.#r.delete(e);else if(s==="state"){for(let[r,o]of t.tabs??[])this.#r.set(r,o);this.#T(t.isOpen),this.#p()}else
s==="entered"&&this.#n.includes(t.room)&&this.entered.call(t.room)}#M(t,e){this.#r.has(t)||this.#E(t);let s=this.#r.get(
t)??[];this.#r.set(t,e),this.#_();for(let r of e)this.#o.has(r)&&!s.includes(r)&&this.#w({type:"entered",room:r});this.#g()}#E(t){
t!==this.#t&&this.locks.whenGone(t,async()=>this.#x(t),this.#e.signal)}#x(t){this.#r.delete(t)&&this.#g()}async#g(){if(this.#l||
!this.#c)return;this.#l=!0;let t=new Set;for(;;){let e=this.#i?.streamId;if(!e)break;let s=this.#v(),r=s.find(h=>!this.#o.
has(h)&&!t.has(h)),o=r??[...this.#o].find(h=>!s.includes(h));if(!o)break;let n=!0;try{await this.http.call(r?"PUT":"DELE\
TE",`/v1/rooms/${o}/presence/${e}`)}catch{n=!1}e===this.#i?.streamId&&(r?!n||this.#a.has(o)?t.add(o):this.#b(o):this.#o.
delete(o))}this.#l=!1}#S(t){this.#d?this.#d.push(t):this.#O(t)}#O({name:t,id:e,data:s}){if(t==="resync"&&(this.#h.clear(),
this.#a.clear()),e&&(this.#u=e),e&&t!=="ready"&&t!=="resync"){if(this.#h.has(e))return;if(this.#h.add(e),this.#h.size>nt)
for(let r of[...this.#h].slice(0,nt/2))this.#h.delete(r)}this.event.call(t,s)}hold(){this.#d??=[]}release(t){this.#u||=t;
let e=this.#d??[];this.#d=null;for(let s of e)this.#O(s);this.#k()}setRooms(t){if(this.#n=t,!this.#c){this.#w({type:"joi\
n",rooms:t});return}let e=this.#r.get(this.#t)??[];this.#r.set(this.#t,t);for(let s of t)this.#o.has(s)&&!e.includes(s)&&
queueMicrotask(()=>this.entered.call(s));this.#g()}leave(t){this.#o.delete(t),this.#a.add(t)}enterAgain(t){this.#o.delete(
t),this.#a.delete(t),this.#g()}wake(t=!1){this.#i?.wake(t),this.#w({type:"wake",isOnline:t})}close(){this.#e.abort(),this.#w(
{type:"bye"}),this.#i?.stop(),this.#f(),this.#s?.close(),this.#s=null}};var dt=1e3,z=class{tasks=new U;all=new Map;#t=null;#e=new Set;#s=!1;#i=new Set;constructor(t,e,s,r,{key:o,tab:n,share:h,
changed:a}){this.user=t,this.http=e,this.changed=()=>{this.#t=null,a()};let c=`${o}.${t.id}`;this.stream=new A(e,r,c,n,h),
this.outbox=new $(e,s,r,{key:c,tab:n,changed:l=>this.#n(l),stored:l=>this.#a(l)}),this.stream.event.add((l,d)=>Object.hasOwn(
ht,l)&&ht[l](this,d)),this.stream.entered.add(l=>{this.all.get(l)?.sync(),this.refresh(l,0)}),this.stream.state.add(l=>l&&
this.wake()),this.loaded=this.#r()}wake(t){this.tasks.wake(),this.outbox.wake(),this.stream.wake(t)}upload(t,e,s){let r=new T(
this.http,t,e,s);return this.#i.add(r),r.subscribe(()=>(r.state==="done"||r.state==="stopped")&&this.#i.delete(r)),r}close(){
this.#s=!0,this.tasks.stop(),this.outbox.close();for(let t of this.#i)t.close();this.stream.close()}get list(){return this.#t??=
[...this.all.values()].filter(t=>t.membership).sort((t,e)=>t.data.active_at<e.data.active_at?1:t.data.active_at>e.data.active_at?
-1:e.id-t.id)}get unread(){return this.list.reduce((t,e)=>t+(e.membership?.muted?0:e.unread),0)}#r(){return this.stream.
hold(),this.tasks.run("load",async()=>{await this.stream.joined;let[t,e]=await Promise.all([this.http.getAll("/v1/rooms"),
this.http.getAll("/v1/blocks")]);if(this.#s)return;this.#e=new Set(e.items.map(r=>r.user.id));let s=new Set(t.items.map(
r=>r.id));for(let r of this.all.values())s.has(r.id)||this.#o(r.id);for(let r of t.items)this.put(r);this.changed(),this.
stream.release(t.event)},0)}async reload(){let t=this.#r();for(let e of this.all.values())e.history.reset();await t;for(let e of this.
all.values())e.isOpen&&e.sync()}put(t){let e=this.all.get(t.id),s=e?.membership;return e?e.data=t:(this.all.set(t.id,e=new G(
this,t)),this.#n(t.id)),e.isOpen&&!s&&this.showRooms(),e.changed(),this.changed(),e}#n(t){let e=this.all.get(t);e&&(e.pending=
this.outbox.all.filter(s=>s.room_id===t),e.changed())}#o(t,e=null){let s=this.all.get(t);if(!s)return;let{membership:r,...o}=e??
s.data;s.data=o,e||(s.history.reset(),s.isOpen=!1,this.all.delete(t)),this.showRooms(),s.changed(),this.changed()}showRooms(){
this.stream.setRooms([...this.all.values()].filter(t=>t.isOpen&&t.membership).map(t=>t.id))}refresh(t,e){return this.tasks.
run(`room ${t}`,async()=>{let s=null;try{s=await this.http.get(`/v1/rooms/${t}`)}catch(r){if(!(r instanceof f)||r.status!==
404&&r.status!==403)throw r}this.#s||(s?.membership?s.last_message_id<(this.all.get(t)?.data.last_message_id??0)?this.tasks.
repeat(`room ${t}`):this.put(s):this.#o(t,s))},e)}#a(t){let e=this.all.get(t.room_id);e?.history.add(t),e?.setTyping(t.sender,
!1),this.#l(t)}#l(t){let e=this.all.get(t.room_id)?.data;if(!e?.membership||t.deleted_at){this.refresh(t.room_id);return}
if(t.id<=e.last_message_id)return;t.id>e.last_message_id+1&&this.refresh(t.room_id);let{membership:s}=e,r=t.sender.id!==
this.user.id&&t.id>s.last_read_id&&!this.#e.has(t.sender.id);this.put({...e,last_message_id:t.id,message_count:e.message_count+
1,updated_at:t.created_at,active_at:t.created_at,membership:{...s,unread_count:s.unread_count+(r?1:0)}})}onMessage(t){t.
sender.id===this.user.id&&t.client_id&&this.outbox.acknowledge(t),this.#a(t)}applyRead(t,e){let s=this.all.get(t)?.data;
if(!s?.membership||e<=s.membership.last_read_id)return;let r=e>=s.last_message_id,o=r?0:s.membership.unread_count;this.put(
{...s,membership:{...s.membership,last_read_id:e,unread_count:o}}),r?this.tasks.repeat(`room ${t}`):this.refresh(t)}async setBlocked(t,e){
await this.http.call(e?"PUT":"DELETE",`/v1/blocks/${N("@",t)}`),await this.#r()}},ht={"message.created":(i,t)=>i.onMessage(
t),"message.notification":(i,t)=>i.onMessage(t),"message.edited":(i,t)=>i.all.get(t.room_id)?.history.merge(t,!0),"messa\
ge.deleted":(i,{room_id:t,message_id:e})=>{i.all.get(t)?.history.remove(e),i.refresh(t)},"history.cleared":(i,{room_id:t,
up_to_id:e})=>{i.all.get(t)?.history.clear(e),i.refresh(t)},"room.created":(i,t)=>(t.kind!=="public"||t.owner_id===i.user.
id)&&i.refresh(t.id),"room.updated":(i,t)=>i.refresh(t.id),"room.deleted":(i,{room_id:t})=>i.all.has(t)&&i.refresh(t),"m\
ember.joined":ct,"member.left":lt,"member.updated":ct,"member.banned":lt,typing:(i,{room_id:t,user:e})=>e.id!==i.user.id&&
i.all.get(t)?.setTyping(e,!0),"message.read":(i,{room_id:t,user_id:e,message_id:s})=>{let r=i.all.get(t);e===i.user.id?i.
applyRead(t,s):r&&s>r.seen&&(r.seen=s,r.changed())},"reaction.added":(i,t)=>i.all.get(t.room_id)?.history.react(t,t.user.
id===i.user.id||void 0),"reaction.removed":(i,t)=>i.all.get(t.room_id)?.history.react(t,t.user.id===i.user.id?!1:void 0),
resync:i=>{i.reload()}};function ct(i,{room_id:t,user:e}){e.id!==i.user.id?i.refresh(t,dt):(i.stream.enterAgain(t),i.refresh(
t))}function lt(i,{room_id:t,user:e}){e.id!==i.user.id?i.refresh(t,dt):(i.stream.leave(t),i.refresh(t))}var Ht=6e4,ut=3e4,zt=5e3,ft=i=>!!(i&&Date.now()<i.expires_at-Ht),K=i=>new f(401,{code:"unauthenticated",detail:i}),P=class{#t=null;#e=null;#s=null;#i=0;#r="";#n=!1;#o=()=>{};#a=new Promise(
(t,e)=>{this.#o=()=>e(K("The client is closed."))});changed=new k;constructor(t,e,s,{key:r,cookie:o,share:n,supply:h}){this.
http=t,this.storage=e,this.locks=s,this.key=`${r}.session`,this.cookie=o,this.supply=h,this.#a.catch(()=>{}),!(!n||h)&&(this.#s=
new BroadcastChannel(this.key),this.#s.onmessage=({data:a})=>{a.reason?a.session_id===this.id&&this.#p(null,a.reason):(a.
began||a.session_id===this.id)&&this.#p(a)})}get id(){return this.#t?.session_id}async token(t,e=this.id){let s=this.#t,
r=!t&&ft(s)?s.access_token:await this.#l();if(e&&e!==this.id)throw K("The session of this request has ended.");return r}#l(){
let t=this.#t?.access_token;return this.#e??=(this.supply?this.#h(this.supply):this.#d(()=>this.#u(t))).finally(()=>{this.#e=
null}),this.#e}#d=t=>this.locks.hold(`${this.key}.refresh`,t);async#u(t){let e=await this.#c(),s=e?.access_token?e:this.#t;
if(s&&s.access_token!==t&&ft(s))return this.#p(s),s.access_token;if(!e)throw K("You are not logged in.");let r=this.#i;try{
let{data:o}=await this.http.call("POST","/v1/sessions/refresh",{anonymous:!0,keepalive:!0,cookies:this.cookie,body:this.
cookie?{cookie:!0}:{refresh_token:e.refresh_token},signal:AbortSignal.timeout(ut)});if(r===this.#i)return(await this.#f(
o)).access_token}catch(o){throw o instanceof f&&o.status===401&&await this.end(o.code==="session_revoked"?"session_revok\
ed":"expired",this.id??e.session_id),o}if(!this.#t)throw K("You are not logged in.");return this.#t.access_token}async#h(t){
let e="";try{e=await Promise.race([t(!!this.#t),this.#a])}catch(w){throw w instanceof f?w:new m(w)}let{exp:s,iss:r,sub:o}=Kt(
e),n=o?JSON.stringify([r,o]):"",h=this.#t,a=h&&(e===h.access_token||n&&n===this.#r),c={Authorization:`Bearer ${e}`},l=a?
h.user:await this.http.get("/v1/users/me",{anonymous:!0,headers:c});this.#r=n;let d=`user ${l.id}`,u=s*1e3||1/0;return this.#p(
{access_token:e,expires_at:u,user:l,session_id:d}),e}async#c(){let t=await this.storage.get(this.key);return t?JSON.parse(
t):null}async#f(t,e=!1){let s={...t,expires_at:Date.now()+t.expires_in*1e3};return await this.storage.set(this.key,JSON.
stringify(this.cookie?{session_id:t.session_id}:s)),this.#s?.postMessage({...s,began:e}),this.#p(s),s}#p(t,e=""){let s=this.
id;this.#t=t,this.#i++,s!==this.id&&!this.#n&&this.changed.call(t,e)}async resume(){if(!(!this.supply&&!await this.#c()))
try{await this.token(!1)}catch(t){if(this.supply||!(t instanceof f)||t.status!==401)throw t}}async begin(t,e,s=!1){let r=async()=>{
let{data:o}=await this.http.call("POST",t,{anonymous:!s,cookies:this.cookie,body:this.cookie?{...e,cookie:!0}:e,signal:AbortSignal.
timeout(ut)});return await this.#f(o,!0),o};return s?r():this.#d(r)}async logOut(){let t=this.id??(await this.#c())?.session_id,
e=new AbortController,s=this.http.call("DELETE","/v1/sessions/current",{cookies:this.cookie,signal:e.signal}),r=p(zt),o=await Promise.
race([s.then(()=>!0,()=>!1),r.over.then(()=>!1)]);return r.wake(),e.abort(),await this.end("log_out",t),o}async end(t,e=this.
id){let s=this.id,r=await this.#c(),o=this.#t??r;if(!o||o.session_id!==e)return;let n=s===this.id;this.#t=null,this.#i++,
(r?.session_id??e)===e&&await this.storage.remove(this.key),n&&(this.#s?.postMessage({reason:t,session_id:e}),this.#n||this.
changed.call(null,t))}close(){this.#n=!0,this.#o(),this.#s?.close(),this.#s=null}};function Kt(i){try{return JSON.parse(
atob(i.split(".")[1].replace(/-/g,"+").replace(/_/g,"/")))??{}}catch{return{}}}var qe={defaultStorage:X,Http:I,isTransient:y,mapNetworkError:M,Messages:S,newKey:g,Outbox:$,Session:P,sharedLocks:J,SharedStream:A,
Unsent:b,Upload:T},Y=class extends _{account=null;#t=[];get list(){return this.account?.list??this.#t}get unread(){return this.
account?.unread??0}get(t){return this.account?.all.get(t)}},pt=i=>`/v1/rooms/${N("#",i)}`,Jt=i=>`/v1/users/${N("@",i)}`,
Z=class{rooms=new Y;connection="closed";#t=new Map;#e=g();#s=new AbortController;#i=p(0);#r;constructor({server:t,token:e,
storage:s=X(),session:r,share:o=x}){let n=(t??location.origin).replace(/\/+$/,"");this.key=`parley.${n}`,this.share=o,this.
storage=s,this.locks=o?J():tt,this.#r=this.locks.keep(this.#e);let h=e&&(async a=>e(a));this.http=new I(n,(a,c)=>this.session.
token(a,c),(a,c)=>{this.session.end(a,c)},()=>this.session.id),this.session=new P(this.http,s,this.locks,{key:this.key,cookie:(r??
(x?"cookie":"storage"))==="cookie"&&!h,share:o,supply:h}),this.session.changed.add((a,c)=>this.#d(a,c)),x&&this.#l(),this.
ready=this.#n(),this.ready.catch(()=>{})}async#n(){try{for(let t=0;!await this.#o(t);t++);}finally{this.rooms.account||this.#h(
"closed")}await this.rooms.account?.loaded}async#o(t){let{signal:e}=this.#s;try{return await this.session.resume(),!0}catch(s){
if(!y(s)||e.aborted||(this.rooms.account||this.#h("connecting"),this.#c("error",s),this.#i=p(v(s.retryAfter*1e3,t)),await this.#i.
over,e.aborted))throw s;return!1}}#a(t){this.#i.wake(),this.rooms.account?.wake(t)}#l(){let{signal:t}=this.#s;addEventListener(
"online",()=>this.#a(!0),{signal:t}),document.addEventListener("visibilitychange",()=>document.hidden||this.#a(),{signal:t})}#d(t,e){
let s=this.rooms.account;s?.close(),(e==="log_out"||e==="account_deleted")&&s?.outbox.clear(),this.rooms.account=t&&this.#u(
t.user),this.#i.wake(),this.rooms.changed(),this.#h(t?"connecting":"closed"),this.#c("session",{user:this.user,reason:e})}#u(t){
let{key:e,share:s}=this,r=new z(t,this.http,this.storage,this.locks,{key:e,tab:this.#e,share:s,changed:()=>this.rooms.changed()});
return r.stream.state.add(o=>this.#h(o?"open":"connecting")),r.stream.event.add((o,n)=>{this.#c(o,n),this.#c("*",{name:o,
data:n}),o==="session.revoked"&&this.session.end(n.reason)}),r}#h(t){this.connection!==t&&(this.connection=t,this.#c("co\
nnection",t))}#c(t,e){this.#t.get(t)?.call(e)}on(t,e){let s=this.#t.get(t);return s||this.#t.set(t,s=new k),s.add(e)}get user(){
return this.rooms.account?.user??null}get#f(){let{account:t}=this.rooms;if(!t)throw new f(401,{code:"unauthenticated",detail:"\
You are not logged in."});return t}async#p(){let t=this.#f;return await t.loaded,t}async#w(t,e,s){let{user:r}=await this.
session.begin(t,e,s);return await this.rooms.account?.loaded,r}logIn(t){return this.#w("/v1/sessions",t)}signUp(t){return this.#w(
"/v1/users",t,this.user?.guest)}logOut(){return this.session.logOut()}async open(t){let e=await this.#p(),s=e.all.get(Number(
t))??e.put(await this.http.get(pt(t)));return await s.open(),s}async#m(t,e,s){return(await this.#p()).put((await this.http.
call(t,e,s)).data)}join(t){return this.#m("PUT",`${pt(t)}/members/me`)}createRoom(t){return this.#m("POST","/v1/rooms",{
body:t,key:g()})}direct(t){return this.#m("PUT",`${Jt(t)}/direct`)}block(t){return this.#f.setBlocked(t,!0)}unblock(t){return this.#f.
setBlocked(t,!1)}upload(t,e,{url:s}={}){return this.#f.upload(t,e,s)}async request(t,e,s){let r=await this.http.call(t,e,
s);return s?.full?r:r.data}async download(t,{signal:e}={}){let s=typeof t=="string"?t:t.url,{data:r}=await this.http.call(
"GET",s,{bytes:!0,signal:e});if(typeof t!="string"&&r.size!==t.size)throw new m;return r}close(){this.#s.abort(),this.#i.
wake(),this.rooms.account?.close(),this.session.close(),this.#r(),this.#h("closed")}},Ge=(i={})=>new Z(i);export{f as Problem,m as Unreachable,b as Unsent,Ge as connect,y as isTransient,qe as lowLevel,F as memoryStorage};
