// Layers over the page, and the browser's Back button: each open layer (a dialog, a large picture, a panel that covers
// a small screen) has its own entry in the browser's history. So Back closes the top layer, and leaves the room only
// when no layer is open. A layer that is closed in another way removes its entry; Forward to the entry of a closed
// layer goes back.

/** @typedef {{ isOpen: () => boolean, close: () => void }} Layer */

const MOVE_TIMEOUT = 1000; // milliseconds for a move in the history; a browser that ignores it must not block the page
/** The open layers, the top one last. @type {Layer[]} */
let layers = [];
let moveTimer = 0; // the timer of a pending move in the history
/** @type {(() => void) | null} */
let afterSync = null; // called when the history is in sync

/** The number of layers in the current entry of the history. */
const depth = () => Number(history.state?.layer) || 0;

/** Makes Back close layers. Called once, when the page starts. */
export function watchHistory() {
  addEventListener('popstate', () => {
    if (moveTimer) finishMove();
    else while (layers.length > depth()) layers.pop()?.close();
    syncHistory();
  });
  syncHistory();
}

/** @param {Layer} layer has just been opened; the code that closes it calls syncHistory */
export function addLayer(layer) {
  layers.push(layer);
  syncHistory();
}

/** Shows a dialog over the page, and removes it when it is closed. @param {HTMLDialogElement} el */
export function openModal(el) {
  document.body.append(el);
  el.addEventListener('close', () => {
    el.remove();
    syncHistory();
  });
  el.showModal();
  addLayer({ isOpen: () => el.open, close: () => el.close() });
}

/** Gives the history as many entries as there are open layers. */
export function syncHistory() {
  layers = layers.filter((layer) => layer.isOpen());
  if (moveTimer) return;
  const missing = layers.length - depth();
  if (missing < 0) {
    moveTimer = setTimeout(() => {
      finishMove();
      history.replaceState(null, '');
      syncHistory();
    }, MOVE_TIMEOUT);
    history.go(missing);
    return;
  }
  for (let d = layers.length - missing + 1; d <= layers.length; d++) history.pushState({ layer: d }, '');
  const callback = afterSync;
  afterSync = null;
  callback?.();
}

/** Calls f once the history has no entries of closed layers. @param {() => void} f */
export function whenHistorySynced(f) {
  afterSync = f;
  syncHistory();
}

function finishMove() {
  clearTimeout(moveTimer);
  moveTimer = 0;
}
