/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = 'ea163ff97715';
