/** A tile of the landing page. */
export interface Tile {
    name: string;
    title: string;
    text: string;
    url: string;
    label: string;
    vpn_only: boolean;
}

/** A page in words; each example is what it is, and the command. */
export interface HelpPage {
    name: string;
    title: string;
    text: string[];
    examples: [string, string][];
}

/** What the service says in the page itself, so that the first thing drawn is the right one. */
export interface PageSite {
    /** Which page this is. */
    page:
        | 'panel'
        | 'landing'
        | 'help'
        | 'manage'
        | 'browse'
        | 'administration'
        | 'open'
        | 'stranger'
        | 'problem';
    /** What a change has to carry, so that only this page can ask for it. */
    xsrf: string;
    /** What went wrong, as a sentence, and under which number the log has it. */
    problem: string;
    request: string;
    /** The address of all pages, with a slash at the end. */
    base: string;
    name: string;
    title: string;
    intro: string;
    contact: string;
    /** Nothing where nobody is signed in. */
    login: string;
    display: string;
    administrator: boolean;
    /** The hub's address, nothing where there is none. */
    hub: string;
    sign_in: string;
    sign_out: string;
    report: string;
    tiles: Tile[];
    help: HelpPage[];
    /** Of a page about one path. */
    path: string;
    path_b64: string;
}

const NOTHING: PageSite = {
    page: 'panel',
    xsrf: '',
    problem: '',
    request: '',
    base: '/',
    name: 'MODAMA',
    title: '',
    intro: '',
    contact: '',
    login: '',
    display: '',
    administrator: false,
    hub: '',
    sign_in: '',
    sign_out: '',
    report: '',
    tiles: [],
    help: [],
    path: '',
    path_b64: ''
};

/** What the page says of itself; a page without that is the plain panel. */
export function siteOf(document: Document): PageSite {
    const said = document.getElementById('modama-site')?.textContent;
    return said ? { ...NOTHING, ...(JSON.parse(said) as Partial<PageSite>) } : NOTHING;
}
