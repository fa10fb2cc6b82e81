/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '075650d950ec';
