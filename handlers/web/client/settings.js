// What the user chose on this device.

/** The theme in force. @returns {'light' | 'dark'} */
export function chosenTheme() {
  const { theme } = document.documentElement.dataset;
  if (theme === 'light' || theme === 'dark') return theme;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** @param {'light' | 'dark' | ''} theme nothing is the system's */
export function setTheme(theme) {
  if (theme) {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem('parley.theme', theme);
  } else {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem('parley.theme');
  }
}
