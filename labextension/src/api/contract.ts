/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = 'cd441a18ea97';
