/**
 * Text that takes the place of the text before: on a terminal. Elsewhere one follows the other.
 * @module
 */
import { clearScreenDown, cursorTo } from 'node:readline';
import type { Output } from './output.ts';

/** See the module head. */
export class Screen {
  readonly #terminal: NodeJS.WriteStream | undefined;
  readonly #output: Output;
  #isFirst: boolean;

  /**
   * @param stream where `output` goes
   * @param isPlain whether it is not to be redrawn even if it is a terminal
   */
  constructor(stream: NodeJS.WriteStream, output: Output, isPlain: boolean) {
    this.#terminal = stream.isTTY === true && !isPlain ? stream : undefined;
    this.#output = output;
    this.#isFirst = true;
  }

  /** Shows lines of text; on a terminal as many as it has room for. */
  async draw(text: string): Promise<void> {
    const terminal = this.#terminal;
    if (terminal === undefined) {
      await this.#output.text(this.#isFirst ? text : `\n${text}`);
    } else {
      cursorTo(terminal, 0, 0);
      clearScreenDown(terminal);
      await this.#output.text(fitting(text, terminal.rows, terminal.columns));
    }
    this.#isFirst = false;
    await this.#output.flush();
  }
}

/** The first lines of a text, cut to a width, less one for the cursor; 0 is a size not known. */
function fitting(text: string, rows: number, columns: number): string {
  const lines = text.split('\n').slice(0, -1);
  const room = rows > 1 ? rows - 1 : Number.POSITIVE_INFINITY;
  const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), '  ...'];
  return shown.map((line) => `${line.slice(0, columns || undefined)}\n`).join('');
}
