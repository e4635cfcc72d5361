/** The icon of the page: one line in, three out. */
export const ICON =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1f60c4"/><path d="M5 16H14M14 16C19 16 18 8 27 8M14 16H27M14 16C19 16 18 24 27 24" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>
`;
