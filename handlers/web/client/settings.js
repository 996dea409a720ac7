// The user's settings on this device.

/** The current theme. @returns {'light' | 'dark'} */
export function chosenTheme() {
  const { theme } = document.documentElement.dataset;
  if (theme === 'light' || theme === 'dark') return theme;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** @param {'light' | 'dark' | ''} theme empty for the system's theme */
export function setTheme(theme) {
  if (theme) {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem('parley.theme', theme);
  } else {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem('parley.theme');
  }
}
