import { trans } from './words';
import type { PageSite } from './site';

/** A link to data, for somebody of whom nothing is known: how to get in, and not a word about the data. */
export function Stranger({ site }: { site: PageSite }): JSX.Element {
    return (
        <article className="mp-text">
            <h1>{trans.__('This is a link to data at %1', site.name)}</h1>
            <p>{trans.__('Sign in to see what it leads to, if it is open to you.')}</p>
            <p>
                <a className="mo-button mo-button-main" href={site.sign_in}>
                    {trans.__('Sign in')}
                </a>
            </p>
            <p>
                {site.contact
                    ? trans.__(
                          'If you have no account here, ask the person who gave you the link, or %1.',
                          site.contact
                      )
                    : trans.__('If you have no account here, ask the person who gave you the link.')}
            </p>
        </article>
    );
}

/** Something went wrong before there was a page: what is so, and what can be done. */
export function Problem({ site }: { site: PageSite }): JSX.Element {
    return (
        <article className="mp-text">
            <h1>{trans.__('That did not work')}</h1>
            <p className="mp-problem">{capitalised(site.problem)}.</p>
            <p>
                <a className="mo-button" href={site.base}>
                    {trans.__('To the start')}
                </a>
            </p>
            <p className="mo-quiet">
                {site.contact && trans.__('Questions: %1.', site.contact)}{' '}
                {trans.__('The log has this under %1.', site.request)}
            </p>
        </article>
    );
}

const capitalised = (text: string): string => text.charAt(0).toLocaleUpperCase() + text.slice(1);
