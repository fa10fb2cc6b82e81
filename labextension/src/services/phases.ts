import type { Translation } from '../ui/host';

/** The server's word for what a job does now; a word that is not known here is shown as it came. */
export function phaseWord(phase: string, trans: Translation): string {
    switch (phase) {
        case 'checking':
            return trans.__('checking');
        case 'counting':
            return trans.__('counting');
        case 'gate':
            return trans.__('gate');
        case 'hashing':
            return trans.__('hashing');
        case 'looking':
            return trans.__('looking');
        case 'moving':
            return trans.__('moving');
        case 'preparing':
            return trans.__('preparing');
        case 'protecting':
            return trans.__('protecting');
        case 'recording':
            return trans.__('recording');
        case 'rights':
            return trans.__('rights');
        case 'sorting':
            return trans.__('sorting');
        case 'unsealing':
            return trans.__('unsealing');
        case 'waiting':
            return trans.__('waiting');
        default:
            return phase;
    }
}

/** The server's word for what a job counts. */
export function unitWord(unit: string, trans: Translation): string {
    switch (unit) {
        case 'entries':
            return trans.__('entries');
        case 'folders':
            return trans.__('folders');
        case 'gates':
        case 'projects':
            return trans.__('projects');
        default:
            return unit;
    }
}
