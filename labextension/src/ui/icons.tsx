/** Drawn on a grid of 16 by 16 with one pen, in the colour of the text around them. */
const PATHS = {
    back: 'M10 3 5 8l5 5',
    check: 'm3 8.5 3.5 3.5L13 4.5',
    clock: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 5v3l2 1.5',
    close: 'm4 4 8 8m0-8-8 8',
    columns: 'M2 3h12v10H2Zm6 0v10',
    contrast: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11Zm0 0v11m1.5-10.5v10m1.5-9v8m1.5-6v4',
    copy: 'M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8Z',
    download: 'M8 2.5v7.5M4.5 7 8 10.5 11.5 7M2.5 13.5h11',
    eye: 'M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6Z',
    file: 'M4 1.5h5l3.5 3.5v9.5H4Zm5 0V5h3.5',
    fit: 'M2.5 6V2.5H6m4 0h3.5V6m0 4v3.5H10m-4 0H2.5V10',
    'folder-plus': 'M1.5 3.5h4.6l1.5 2h6.9v7.5h-13ZM8 7.3v4M6 9.3h4',
    folder: 'M1.5 3.5h4.6l1.5 2h6.9v7.5h-13Z',
    image: 'M2 3h12v10H2Zm0 8 3.5-3.5L9 11m-1-1 2.5-2.5L14 11M5.5 5.8v.1',
    link: 'M6.5 9.5a3 3 0 0 0 4.2 0l2.2-2.2A3 3 0 0 0 8.7 3l-.8.8m1.6 2.7a3 3 0 0 0-4.2 0L3.1 8.7A3 3 0 0 0 7.3 13l.8-.8',
    list: 'M5.5 4h8m-8 4h8m-8 4h8M2.5 4v.1m0 3.9v.1m0 3.9v.1',
    lock: 'M3.5 7.5h9v6h-9Zm2-.2V5a2.5 2.5 0 0 1 5 0v2.3',
    minus: 'M3 8h10',
    move: 'M2 4.5v8h12v-6.5H8L6.5 4.5ZM5.5 9h4.5M8.3 7.2 10 9l-1.7 1.8',
    notebook: 'M4 1.5h8.5v13H4Zm2.5 0v13M2.5 4H5M2.5 8H5M2.5 12H5',
    open: 'M9 2.5h4.5V7m0-4.5-6 6M6.5 3.5h-4v10h10v-4',
    pen: 'm2.5 13.5.7-3L10.5 3.2l2.3 2.3-7.3 7.3Z',
    plus: 'M8 3v10M3 8h10',
    project:
        'M6 3.2a2.3 2.3 0 1 0 0 4.6 2.3 2.3 0 0 0 0-4.6ZM1.8 13c0-2.3 1.9-3.7 4.2-3.7s4.2 1.4 4.2 3.7m.3-9.5a2.1 2.1 0 0 1 0 4m1 2.2c1.7.5 2.7 1.7 2.7 3.3',
    question:
        'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM6.3 6.3c0-1 .7-1.7 1.7-1.7s1.7.6 1.7 1.6c0 1.3-1.7 1.4-1.7 2.7m0 2v.1',
    refresh: 'M13 8a5 5 0 1 1-1.5-3.5L13 6m0-3.5V6H9.5',
    ruler: 'M1.5 10.5l9-9 4 4-9 9Zm2.3-2.3 1.7 1.7m.6-4 1.2 1.2m1-3.6 1.7 1.7',
    search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Zm3.3 7.8 3.2 3.2',
    session: 'M6 2h4v5H6Zm2 5v2.5M3 13.5h10M4.5 9.5h7M8 9.5a4 4 0 0 1-3 4',
    trash: 'M3 4.5h10M6 4.5v-2h4v2m-6 0 .7 9h6.6l.7-9M6.7 7v4.3M9.3 7v4.3',
    'upload-folder': 'M1.5 3.5h4.6l1.5 2h6.9v7.5h-13ZM8 11.5V7.6M6 9.4l2-2 2 2',
    undo: 'M6.5 3 3 6.5 6.5 10M3.2 6.5H10a3 3 0 0 1 0 6H7',
    unlock: 'M3.5 7.5h9v6h-9Zm2-.2V5a2.5 2.5 0 0 1 4.7-1.2',
    wave: 'M1.5 8c1-6 2.2-6 3.3 0s2.2 6 3.2 0 2.2-6 3.2 0 2.3 6 3.3 0',
    upload: 'M8 10.5V3M4.5 6.5 8 3l3.5 3.5M2.5 13.5h11',
    warning: 'M8 2 14.5 13.5h-13ZM8 6v3.5m0 2v.1'
} as const;

export type IconName = keyof typeof PATHS;

/** A sign beside a word; where it stands alone, its button has the name. */
export function Icon({ name }: { name: IconName }): JSX.Element {
    return (
        <svg className="mo-icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
            <path d={PATHS[name]} />
        </svg>
    );
}
