/** What a table program would take for a formula, and run, begins with one of these. */
const FORMULA = /^[=+\-@\t\r]/;

/** A table as CSV (RFC 4180), each cell as what it shows: a text that looks like a formula gets a quote before it. */
export function csv(rows: readonly (readonly (string | number | null | undefined)[])[]): string {
    return rows.map(row => row.map(cell).join(',') + '\r\n').join('');
}

function cell(value: string | number | null | undefined): string {
    if (typeof value === 'number') {
        return Number.isFinite(value) ? String(value) : '';
    }
    const text = value ?? '';
    const harmless = FORMULA.test(text.trimStart()) || FORMULA.test(text) ? `'${text}` : text;
    return /[",\r\n']/.test(harmless) ? `"${harmless.replace(/"/g, '""')}"` : harmless;
}

/** Have the browser keep a text as a file; the mark at its beginning tells table programs that it is UTF-8. */
export function download(name: string, text: string): void {
    const url = URL.createObjectURL(new Blob(['\ufeff', text], { type: 'text/csv;charset=utf-8' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
