/** What any browser does for a host: downloads and pictures on the clipboard. */

/** Put something into the person's downloads. */
export function save(content: Blob, name: string): void {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    // Not before the browser has begun to read it.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Put a picture on the clipboard; it may still be in the making, since a click is forgotten soon. */
export async function copyPicture(png: Promise<Blob>): Promise<void> {
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': png })]);
}
