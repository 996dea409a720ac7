// How much of the window there is to use: an on-screen keyboard that lies over the page instead of making it smaller (as on
// iOS), and the room's foot, over which nothing may lie. Style sheets read both.

const root = document.documentElement;

/** Keeps --keyboard, the height that the keyboard takes from the page, and --view-top, how far the page was pushed up. */
export function watchViewport() {
  const view = window.visualViewport;
  if (!view) return;
  const update = () => {
    const isZoomed = Math.abs(view.scale - 1) > 0.01; // who looks at a part of the page closely has not opened a keyboard
    root.style.setProperty('--keyboard', `${isZoomed ? 0 : Math.max(0, Math.round(innerHeight - view.height))}px`);
    root.style.setProperty('--view-top', `${isZoomed ? 0 : Math.max(0, Math.round(view.offsetTop))}px`);
  };
  view.addEventListener('resize', update);
  view.addEventListener('scroll', update);
  update();
}

/** Keeps --foot, the height of where one writes, as long as the room is shown. @param {HTMLElement} foot @param {AbortSignal} signal */
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
