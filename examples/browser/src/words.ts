/**
 * Words of names and texts, for the index of the search.
 * @module
 */

const WORD = /[\p{L}\p{N}]{2,32}/gu;
/** A longer text is indexed by what it begins with. */
const TEXT_BYTES_MAX = 1 << 20;
const WORDS_MAX = 2000;
const SNIFFED_BYTES = 4096;

/** Words of a text, each once, in lower case. */
export function wordsOf(text: string): string[] {
  const words = new Set<string>();
  for (const [word] of text.normalize('NFKC').toLowerCase().matchAll(WORD)) {
    words.add(word);
    if (words.size === WORDS_MAX) break;
  }
  return [...words];
}

/** The text of a file, as far as it is indexed; undefined if it is no text in UTF-8. */
export function textOf(content: Uint8Array, bytesMax: number = TEXT_BYTES_MAX): string | undefined {
  if (content.subarray(0, SNIFFED_BYTES).includes(0)) return undefined;
  const part = content.subarray(0, bytesMax);
  try {
    // A character that the cut goes through is left to the stream that never goes on.
    return new TextDecoder('utf-8', { fatal: true }).decode(part, { stream: true });
  } catch {
    return undefined;
  }
}

/** All under which a file is found. */
export function indexWords(path: string, content: Uint8Array): string[] {
  const names = wordsOf(path);
  const text = textOf(content);
  return text === undefined ? names : [...new Set([...names, ...wordsOf(text)])];
}
