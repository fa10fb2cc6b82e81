/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '2fc8f4ce2734';
