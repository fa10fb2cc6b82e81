/** The version of this half; the server's half has to be of the same series. A test holds it equal to package.json. */
export const VERSION = '0.1.0';
