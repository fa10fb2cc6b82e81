/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = 'dc707dafe0ac';
