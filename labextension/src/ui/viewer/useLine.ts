import { useState } from 'react';
import type { Line } from '../../services/image/measure';
import type { Tool } from './ImagePane';
import type { Shown } from './useFrame';

/** The line over an image; taking up the tool puts one into the middle, so that the keyboard can move its ends too. */
export function useLine(): {
    tool: Tool;
    line: Line | undefined;
    setTool(tool: Tool, over: Shown): void;
    setLine(line: Line | undefined): void;
} {
    const [tool, setTool] = useState<Tool>('pan');
    const [line, setLine] = useState<Line | undefined>();
    return {
        tool,
        line,
        setLine,
        setTool: (next, { region }) => {
            setTool(next);
            if (next === 'line' && !line) {
                const { left, top, width, height } = region;
                const y = top + height / 2;
                setLine({ from: { x: left + width / 4, y }, to: { x: left + (width * 3) / 4, y } });
            }
        }
    };
}
