import { type Html, trusted } from './html.ts'

// Outlines on a grid of 24, drawn for this console.
const SHAPES = {
  mark: '<circle cx="8" cy="12" r="4.5"/><path d="M12.5 12H21v3.5M17.5 12v2.5"/>',
  overview:
    '<rect x="3.5" y="3.5" width="7" height="9" rx="1.5"/><rect x="13.5" y="3.5" width="7" height="5" rx="1.5"/><rect x="3.5" y="15.5" width="7" height="5" rx="1.5"/><rect x="13.5" y="11.5" width="7" height="9" rx="1.5"/>',
  folder: '<path d="M3.5 7a2 2 0 0 1 2-2h4l2 2.5h7a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2z"/>',
  file: '<path d="M6 3.5h8l4.5 4.5v11a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 19V5A1.5 1.5 0 0 1 6 3.5zM14 3.5V8h4.5"/>',
  key: '<circle cx="8" cy="16" r="4.5"/><path d="M11.5 12.5 20 4M16.5 7.5l3 3"/>',
  user: '<circle cx="12" cy="8" r="4"/><path d="M4.5 20a7.5 7.5 0 0 1 15 0"/>',
  group:
    '<circle cx="9" cy="8.5" r="3.5"/><path d="M2.5 19.5a6.5 6.5 0 0 1 13 0M16 5.200a3.5 3.5 0 0 1 0 6.600M18.5 14.200a6.5 6.5 0 0 1 3 5.300"/>',
  site: '<path d="M4.5 20.5v-15a2 2 0 0 1 2-2h7a2 2 0 0 1 2 2v15M15.5 9.5h2a2 2 0 0 1 2 2v9M2.5 20.5h19M8 8h4M8 12h4M8 16h4"/>',
  audit: '<path d="M8 6.5h12M8 12h12M8 17.5h12M4 6.5h.01M4 12h.01M4 17.5h.01"/>',
  settings:
    '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
  account:
    '<circle cx="12" cy="12" r="8.5"/><circle cx="12" cy="10" r="3"/><path d="M6.5 18.300a6.5 6.5 0 0 1 11 0"/>',
  back: '<path d="M14 6l-6 6 6 6"/>',
  tick: '<path d="M5 12.5l4.5 4.5L19 7.5"/>',
  warning: '<path d="M12 4 2.800 20h18.400zM12 10v4.5M12 17.200v.1"/>',
  upload: '<path d="M12 16V5M7.5 9.5 12 5l4.5 4.5M5 19.5h14"/>',
  download: '<path d="M12 5v11M7.5 11.5 12 16l4.5-4.5M5 19.5h14"/>',
  plus: '<path d="M12 5v14M5 12h14"/>',
} as const

export type IconName = keyof typeof SHAPES

/** A small picture beside a word; it says nothing that the word does not. */
export function icon(name: IconName): Html {
  return trusted(
    `<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${SHAPES[name]}</svg>`,
  )
}
