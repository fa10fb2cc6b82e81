/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '5df911cc2885';
