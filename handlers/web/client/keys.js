// Keys that are not for the page: those with which somebody composes text, such as Chinese from its sounds.

const INPUT_METHOD_KEY = 229; // the keyCode of a key that went to the input method
let justEnded = false; // a composition ended just now; the key that did it may still be told of

/** Watches where compositions end. Called once, when the page starts. */
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
 * Whether a key belongs to a composition. In Safari the key that ends one comes after its end and does not say that it
 * is composing.
 * @param {KeyboardEvent} e
 */
export const isComposingKey = (e) => e.isComposing || e.keyCode === INPUT_METHOD_KEY || justEnded;
