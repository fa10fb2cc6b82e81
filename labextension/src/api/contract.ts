/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '0c869a8a996f';
