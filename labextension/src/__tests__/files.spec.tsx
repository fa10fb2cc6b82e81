import { act, cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { inFolder, panelAt } from './panel';
import { entry, folderPage, problem } from './server';

afterEach(cleanup);

const SEALED = 'You cannot write in this folder, because session s was sealed by mia.';
const row = (name: string) => document.querySelector(`.mo-row[data-name="${name}"]`) as HTMLElement;
const marked = () =>
    [...document.querySelectorAll('.mo-row[aria-selected=true]')].map(r => (r as HTMLElement).dataset.name);

test('each entry has a lock or a pencil, and a click says why', async () => {
    const items = [
        entry('open.dm4'),
        entry('shut.dm4', { writable: false }),
        entry('old.dm4', { sealed: true, writable: false })
    ];
    const { modama } = await panelAt(inFolder, { 'folder.list': () => folderPage(items) });
    await screen.findByText('old.dm4');
    const words = items.map(({ name }) => within(row(name)).getByRole('button').getAttribute('aria-label'));
    expect(words).toEqual(['you can write here', 'read-only: why?', 'sealed: why?']);
    fireEvent.click(within(row('old.dm4')).getByRole('button'));
    expect(modama.ask.get()).toMatchObject({ kind: 'explain', entry: { name: 'old.dm4' } });
});

test('several are selected with Ctrl, Shift and the keyboard, and Escape lets go of them', async () => {
    await panelAt(inFolder);
    fireEvent.click(await screen.findByText('alpha.dm4'));
    fireEvent.click(screen.getByText('sub'), { ctrlKey: true });
    expect(marked()).toEqual(['alpha.dm4', 'sub']);
    expect(screen.getByText('2 selected')).toBeTruthy();
    fireEvent.click(screen.getByText('alpha.dm4'), { ctrlKey: true });
    expect(marked()).toEqual(['sub']);
    const list = screen.getByRole('treegrid');
    await act(async () => void fireEvent.keyDown(list, { key: 'a', ctrlKey: true }));
    expect(marked()).toEqual(['alpha.dm4', 'beta.mib', 'sub']);
    fireEvent.keyDown(list, { key: 'Escape' });
    fireEvent.keyDown(list, { key: 'Home' });
    await act(async () => void fireEvent.keyDown(list, { key: 'ArrowDown', shiftKey: true }));
    expect(marked()).toEqual(['alpha.dm4', 'beta.mib']);
    fireEvent.keyDown(list, { key: 'ArrowDown' });
    expect(marked()).toEqual(['sub']);
});

test('what is selected is removed after a question, and what stays is said', async () => {
    const { api, host } = await panelAt(inFolder, {
        'entry.remove': ({ path }) => {
            if (String(path).endsWith('sub')) {
                throw problem('not-empty', 409, 'folder sub is not empty');
            }
            return { path };
        }
    });
    const asked: string[] = [];
    host.confirm = (question?: string) => Promise.resolve(Boolean(asked.push(question ?? '')));
    fireEvent.click(await screen.findByText('alpha.dm4'));
    fireEvent.click(screen.getByText('sub'), { ctrlKey: true });
    await act(async () => void fireEvent.keyDown(screen.getByRole('treegrid'), { key: 'Delete' }));
    await waitFor(() => expect(api.of('entry.remove')).toHaveLength(2));
    expect(asked[0]).toMatch(/Remove 2 entries.*no trash/);
    await waitFor(() => expect(host.notes.map(({ now }) => now?.text)).toContain('folder sub is not empty'));
});

test('a folder is made and an entry renamed, each under a name that the server takes', async () => {
    const { api } = await panelAt(inFolder, {
        'folder.make': () => {
            throw problem('name-refused', 422, 'the name “CON” cannot be used');
        },
        'entry.rename': ({ name }) => entry(String(name))
    });
    await screen.findByText('alpha.dm4');
    fireEvent.click(screen.getByRole('button', { name: 'New folder…' }));
    let dialog = await screen.findByRole('dialog');
    fireEvent.change(within(dialog).getByRole('textbox'), { target: { value: 'CON' } });
    fireEvent.click(within(dialog).getByRole('button', { name: 'Make folder' }));
    expect((await within(dialog).findByRole('alert')).textContent).toContain('cannot be used');
    fireEvent.click(within(dialog).getByRole('button', { name: 'Cancel' }));

    fireEvent.click(screen.getByText('alpha.dm4'));
    fireEvent.keyDown(screen.getByRole('treegrid'), { key: 'F2' });
    dialog = await screen.findByRole('dialog');
    fireEvent.change(within(dialog).getByRole('textbox'), { target: { value: 'new.dm4' } });
    fireEvent.click(within(dialog).getByRole('button', { name: 'Rename' }));
    await waitFor(() => expect(api.of('entry.rename')).toMatchObject([{ name: 'new.dm4' }]));
});

/** What a browser tells while something from the desktop is dragged over an element, or let go. */
async function drag(over: Element, type: string, items: unknown[] = []): Promise<{ dropEffect: string }> {
    const event = new Event(type, { bubbles: true, cancelable: true });
    const dataTransfer = { types: ['Files'], items, dropEffect: 'copy' };
    Object.defineProperty(event, 'dataTransfer', { value: dataTransfer });
    await act(async () => void over.dispatchEvent(event));
    expect(event.defaultPrevented).toBe(true); // or the browser would leave the page for the file
    return dataTransfer;
}

test('files above a sealed folder are told why before they are let go', async () => {
    const shut = folderPage([entry('a', { sealed: true })], {
        writable: false,
        sealed: true,
        reason: SEALED
    });
    const { api, host } = await panelAt(inFolder, { 'folder.list': () => shut });
    const zone = (await screen.findByRole('treegrid')).parentElement as HTMLElement;
    await screen.findByText('a');
    const over = await drag(zone, 'dragover');
    expect(within(zone).getByRole('status').textContent).toBe(SEALED);
    expect(over.dropEffect).toBe('none');
    await drag(zone, 'drop');
    expect(host.notes.map(({ now }) => now?.text)).toEqual([SEALED]);
    expect(api.of('upload.begin')).toEqual([]);
    expect(screen.getByRole('button', { name: /^Bring files/ })).toHaveProperty('disabled', true);
});

test('files that are dropped go to the server, with the folders that they lie in', async () => {
    const taken = file('b.dat');
    const folder = {
        isFile: false,
        name: 'tree',
        createReader: () => {
            const portions = [
                [{ isFile: true, name: 'b.dat', file: (take: (f: File) => void) => take(taken) }],
                []
            ];
            return { readEntries: (take: (entries: unknown[]) => void) => take(portions.shift() ?? []) };
        }
    };
    const { api } = await panelAt(inFolder, {
        'upload.begin': () => ({ offset: 0 }),
        'upload.finish': () => ({ checked: 0, done: true })
    });
    const zone = (await screen.findByRole('treegrid')).parentElement as HTMLElement;
    await screen.findByText('alpha.dm4');
    await drag(zone, 'drop', [{ webkitGetAsEntry: () => folder }]);
    expect(await screen.findByText('1 file is here, and its checksum is right.')).toBeTruthy();
    expect(api.of('upload.begin')).toMatchObject([
        { path: 'adhoc/p/s/raw', name: 'tree/b.dat', size_bytes: 0 }
    ]);
});

const file = (name: string): File => new File([], name, { lastModified: 1 });

test('an entry that is dragged takes along the lines that load it', async () => {
    const python = { tool: 'Python', value: 'import jupyter_modama as modama\nmodama.open("x")' };
    await panelAt(inFolder, { 'entry.links': () => ({ items: [python] }) });
    await screen.findByText('alpha.dm4');
    const texts: string[] = [];
    const dataTransfer = { setData: (kind: string, text: string) => texts.push(`${kind} ${text}`) };
    const start = async () => {
        const event = new Event('dragstart', { bubbles: true });
        Object.defineProperty(event, 'dataTransfer', { value: dataTransfer });
        await act(async () => void row('alpha.dm4').dispatchEvent(event));
    };
    await start();
    await act(async () => void fireEvent.mouseDown(row('alpha.dm4')));
    await start();
    expect(texts).toEqual([
        'text/plain adhoc/p/s/raw/alpha.dm4',
        'text/plain import jupyter_modama as modama\ndata = modama.open("x")\n'
    ]);
});

test('a download says its size first', async () => {
    const prepared = {
        ticket: 't1',
        name: 'raw.zip',
        files: 2,
        folders: 0,
        bytes: 5 * 2 ** 30,
        complete: true,
        rsync: 'rsync x',
        include: 'a\n'
    };
    const { api, host } = await panelAt(inFolder, { 'download.prepare': () => prepared });
    fireEvent.click(await screen.findByText('alpha.dm4'));
    fireEvent.click(screen.getByRole('button', { name: 'Download what is selected…' }));
    const link = await screen.findByRole('link', { name: /Download as zip \(5.00 GiB\)/ });
    expect(link.getAttribute('href')).toBe('http://localhost/zip?ticket=t1');
    expect(screen.getByText(/rsync goes on/)).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Copy list' }));
    await waitFor(() => expect(host.copied).toEqual(['a\n']));
    expect(api.of('download.prepare')).toEqual([{ paths: [{ path: 'adhoc/p/s/raw/alpha.dm4' }] }]);
});
