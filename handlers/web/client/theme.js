// A classic script in the head, so that the chosen theme is there before the first paint. The rest is in settings.
try {
  const theme = localStorage.getItem('parley.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // No storage, no choice: the system's theme it is.
}
