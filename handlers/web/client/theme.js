// A classic script in the head, so that the chosen theme is set before the first paint. settings.js does the rest.
try {
  const theme = localStorage.getItem('parley.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // The storage is disabled: the system's theme is used.
}
