import { useEffect, useState } from 'react';

/** An address for a picture, given back when it is no more needed. */
export function useObjectUrl(blob: Blob | undefined): string | undefined {
    const [url, setUrl] = useState<string | undefined>();
    useEffect(() => {
        if (!blob) {
            return;
        }
        const made = URL.createObjectURL(blob);
        setUrl(made);
        return () => URL.revokeObjectURL(made);
    }, [blob]);
    return blob && url;
}
