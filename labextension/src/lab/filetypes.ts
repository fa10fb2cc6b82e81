/**
 * Formats that only programs for microscopes write, by the ends of their names. A double click opens them in the viewer.
 * The server's own table, of which this is a part, is in jupyter_modama/readers/formats.py.
 */
export const EM_FILES: { name: string; extensions: string[] }[] = [
    { name: 'DigitalMicrograph', extensions: ['dm3', 'dm4'] },
    { name: 'Merlin (Quantum Detectors)', extensions: ['mib'] },
    { name: 'NanoMegas block file', extensions: ['blo'] },
    { name: 'TIA series', extensions: ['ser'] },
    { name: 'TIA (emi)', extensions: ['emi'] },
    { name: 'MRC', extensions: ['mrc', 'ali'] },
    { name: 'MRCZ', extensions: ['mrcz'] },
    { name: 'HyperSpy', extensions: ['hspy'] },
    { name: 'NeXus', extensions: ['nxs', 'nx5'] },
    { name: 'EMD', extensions: ['emd', 'de5'] },
    { name: 'Bruker', extensions: ['bcf'] },
    { name: 'Bruker spectrum', extensions: ['spx'] },
    { name: 'MSA spectrum', extensions: ['msa', 'emsa'] },
    { name: 'Phenom', extensions: ['elid'] },
    { name: 'Panta Rhei', extensions: ['prz'] },
    { name: 'TVIPS', extensions: ['tvips'] },
    { name: 'Ripple', extensions: ['rpl'] },
    { name: 'Semper', extensions: ['unf'] }
];

/** Lab's own names of types that other things have, too: for these the viewer is one of the choices of "Open With". */
export const COMMON_FILES = ['tiff', 'png', 'jpeg', 'bmp', 'gif', 'octet-stream'];
