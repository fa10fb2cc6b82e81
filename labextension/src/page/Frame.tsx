import type { ReactNode } from 'react';
import { trans } from './words';
import type { PageSite } from './site';

/** What all pages of the service share: whose data this is, where one can go, who one is. */
export function Frame({ site, children }: { site: PageSite; children: ReactNode }): JSX.Element {
    const ways: [string, string, string][] = [
        ['landing', trans.__('Start'), site.base],
        ['manage', trans.__('Management'), `${site.base}manage`],
        ['browse', trans.__('Browse'), `${site.base}browse/`]
    ];
    if (site.administrator) {
        ways.push(['administration', trans.__('Administration'), `${site.base}administration`]);
    }
    return (
        <div className="mp-frame mo-root">
            <a className="mp-skip" href="#mp-content">
                {trans.__('To the content')}
            </a>
            <header className="mp-header">
                <a className="mp-name" href={site.base}>
                    {site.name}
                </a>
                {site.login && (
                    <nav aria-label={trans.__('Pages')}>
                        {ways.map(([page, label, url]) => (
                            <a key={page} href={url} aria-current={site.page === page ? 'page' : undefined}>
                                {label}
                            </a>
                        ))}
                    </nav>
                )}
                <Who site={site} />
            </header>
            <main id="mp-content" className="mp-content" tabIndex={-1}>
                {children}
            </main>
            <footer className="mp-footer">
                {site.report && (
                    <a href={site.report} rel="noreferrer">
                        {trans.__('Report an issue')}
                    </a>
                )}
                {site.contact && <span>{trans.__('Questions: %1', site.contact)}</span>}
            </footer>
        </div>
    );
}

function Who({ site }: { site: PageSite }): JSX.Element {
    if (!site.login) {
        return (
            <div className="mp-who">
                <a className="mo-button mo-button-main" href={site.sign_in}>
                    {trans.__('Sign in')}
                </a>
            </div>
        );
    }
    return (
        <div className="mp-who">
            <span title={site.login}>{site.display || site.login}</span>
            <a href={`${site.base}manage#mails`}>{trans.__('Mails')}</a>
            {site.sign_out && <a href={site.sign_out}>{trans.__('Sign out')}</a>}
        </div>
    );
}
