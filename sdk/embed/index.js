// <parley-room>: a room of Parley in any page.

import { ParleyRoom } from './element.js';

if (globalThis.customElements && !customElements.get('parley-room')) customElements.define('parley-room', ParleyRoom);

export { ParleyRoom };
