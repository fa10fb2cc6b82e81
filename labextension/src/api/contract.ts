/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = 'ff6af1b14c0e';
