import { pageHost } from './host';
import { trans } from './words';
import type { HelpPage, PageSite, Tile } from './site';

/** The first page: one tile for each way to the data. */
export function Landing({ site }: { site: PageSite }): JSX.Element {
    return (
        <>
            <h1>{site.title || site.name}</h1>
            {site.intro && <p className="mp-intro">{site.intro}</p>}
            {site.problem && <p className="mp-problem">{site.problem}</p>}
            <ul className="mp-tiles">
                {site.tiles.map(tile => (
                    <TileCard key={tile.name} tile={tile} />
                ))}
                {site.report && (
                    <TileCard
                        tile={{
                            name: 'report',
                            title: trans.__('Report an issue'),
                            text: trans.__('Tell us what does not work; path and versions are filled in.'),
                            url: site.report,
                            label: trans.__('Report'),
                            vpn_only: false
                        }}
                    />
                )}
            </ul>
        </>
    );
}

function TileCard({ tile }: { tile: Tile }): JSX.Element {
    return (
        <li className="mp-tile" data-tile={tile.name}>
            <h2>{tile.title}</h2>
            <p>{tile.text}</p>
            {tile.vpn_only && <p className="mp-vpn">{trans.__('From inside or through the VPN only')}</p>}
            <a className="mo-button" href={tile.url} aria-label={`${tile.label}: ${tile.title}`}>
                {tile.label}
            </a>
        </li>
    );
}

/** A page in words, with lines to copy. */
export function Help({ page }: { page: HelpPage }): JSX.Element {
    return (
        <article className="mp-text">
            <h1>{page.title}</h1>
            {page.text.map(paragraph => (
                <p key={paragraph}>{paragraph}</p>
            ))}
            {page.examples.map(([what, line]) => (
                <div key={what} className="mp-example">
                    <span className="mo-label">{what}</span>
                    <code>{line}</code>
                    <button
                        type="button"
                        className="mo-button"
                        aria-label={trans.__('Copy: %1', what)}
                        onClick={() => void copied(line)}
                    >
                        {trans.__('Copy')}
                    </button>
                </div>
            ))}
        </article>
    );
}

async function copied(line: string): Promise<void> {
    try {
        await pageHost.copy(line);
        pageHost.notify({ kind: 'success', text: trans.__('Copied.') });
    } catch {
        pageHost.notify({
            kind: 'warning',
            text: trans.__('The browser does not let us copy; it is: %1', line)
        });
    }
}
