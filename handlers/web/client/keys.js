// Detects keys that belong to an input method, for example one for Chinese or Japanese, and not to the page.

const INPUT_METHOD_KEY = 229; // the keyCode of a key that the input method has processed
let justEnded = false; // a composition has just ended; the keydown event of the key that ended it may follow

/** Watches for ends of compositions. Called once, when the page starts. */
export function watchCompositions() {
  addEventListener(
    'compositionend',
    () => {
      justEnded = true;
      setTimeout(() => {
        justEnded = false;
      });
    },
    true,
  );
}

/**
 * Whether a key belongs to a composition. In Safari the keydown event of the key that ends a composition follows
 * compositionend, and its isComposing is false.
 * @param {KeyboardEvent} e
 */
export const isComposingKey = (e) => e.isComposing || e.keyCode === INPUT_METHOD_KEY || justEnded;
