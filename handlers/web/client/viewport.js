// Sets CSS variables for the usable part of the window: an on-screen keyboard may cover the page instead of resizing it
// (on iOS), and nothing may cover the composer.

const root = document.documentElement;

/** Sets --keyboard, the height of the page that the keyboard covers, and --view-top, how far the page was moved up. */
export function watchViewport() {
  const view = window.visualViewport;
  if (!view) return;
  const update = () => {
    const isZoomed = Math.abs(view.scale - 1) > 0.01; // a zoomed page has a smaller viewport without a keyboard
    root.style.setProperty('--keyboard', `${isZoomed ? 0 : Math.max(0, Math.round(innerHeight - view.height))}px`);
    root.style.setProperty('--view-top', `${isZoomed ? 0 : Math.max(0, Math.round(view.offsetTop))}px`);
  };
  view.addEventListener('resize', update);
  view.addEventListener('scroll', update);
  update();
}

/**
 * Sets --foot, the height of the composer, as long as the room is shown.
 * @param {HTMLElement} foot @param {AbortSignal} signal
 */
export function watchFoot(foot, signal) {
  const resized = new ResizeObserver(() =>
    root.style.setProperty('--foot', `${Math.ceil(foot.getBoundingClientRect().height)}px`),
  );
  resized.observe(foot);
  signal.addEventListener('abort', () => {
    resized.disconnect();
    root.style.setProperty('--foot', '0px');
  });
}
