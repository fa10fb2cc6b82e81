/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '95db21b2c33b';
