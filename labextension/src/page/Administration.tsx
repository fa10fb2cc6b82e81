import type { PageSite } from './site';

/** What an administrator looks after. */
export function Administration({ site }: { site: PageSite }): JSX.Element {
    return <h1>{site.name}</h1>;
}
