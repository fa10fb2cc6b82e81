/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '6e61548fe91e';
