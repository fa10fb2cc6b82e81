/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = 'db3293b7adfb';
