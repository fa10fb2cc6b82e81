/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = 'f2436d0b1c20';
