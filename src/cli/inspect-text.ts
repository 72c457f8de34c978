/**
 * Inspections for people: blocks with what stands in them, or the bytes of one block with names.
 * @module
 */
import type { CopyState, FrameFacts } from '../block/block-walker.ts';
import { isBytes } from '../bytes/is-bytes.ts';
import { hexOf } from '../inspect/names.ts';
import type {
  AadFacts,
  BlockPart,
  DamagedShards,
  EntryPart,
  FieldPart,
  FilePart,
  GapPart,
  HeaderPart,
  InspectionPart,
  ParityFacts,
  SlotPart,
  StripesPart,
  SummaryPart,
} from '../inspect/parts.ts';
import { type Encoding, toShortText, toText } from './encoding.ts';
import { eccName, formatCount, formatItems, wordsOf } from './format.ts';
import { inspectionJson } from './inspect-json.ts';

const ROW_BYTES = 16;
/** Of bytes that have no other meaning. */
const MEANING_BYTES_MAX = 48;

/** The pieces of text for one part; each ends with a line. */
export function inspectionText(part: InspectionPart, encoding: Encoding): Iterable<string> {
  switch (part.part) {
    case 'file':
      return [fileText(part)];
    case 'header':
      return headerLines(part);
    case 'slot':
      return slotLines(part);
    case 'block':
      return blockLines(part);
    case 'gap':
      return [gapText(part)];
    case 'stripes':
      return stripesLines(part);
    case 'entry':
      return [entryText(part, encoding)];
    case 'field':
      return fieldRows(part, encoding);
    case 'problem': {
      const place = part.offset === undefined ? '' : `offset ${part.offset}: `;
      return [`${part.isDamage ? 'damaged' : 'note'}: ${place}${plain(part.message)}\n`];
    }
    case 'summary':
      return [summaryText(part)];
    case 'lock':
      return [`  ${plain(part.text)}\n`];
    default:
      return contentLines(part, encoding);
  }
}

/** What a summary says of the health of a file, in a few words. */
export function healthOf(summary: SummaryPart): string {
  const { correctedCount, damageCount, isTorn, isSealed } = summary;
  const words: string[] = [];
  if (damageCount > 0) words.push(`damaged in ${formatItems(damageCount, 'place')}`);
  if (correctedCount > 0) words.push(`corrected in ${formatItems(correctedCount, 'place')}`);
  if (words.length === 0) words.push('no damage');
  if (isTorn) words.push('unfinished end');
  if (isSealed) words.push('contents sealed');
  return words.join(', ');
}

/** File names and foreign text may hold anything; a terminal must not act on it. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

function fileText({ path, kind, sizeBytes }: FilePart): string {
  return `${plain(path)}: ${kind}, ${formatCount(sizeBytes)} bytes\n`;
}

function* headerLines({ state, copies, section, facts }: HeaderPart): Generator<string> {
  const parity = section === undefined ? '' : `, SEC-DED section ${section}`;
  yield line('header', `${state}; ${copiesText(copies)}${parity}`);
  if (facts === undefined) return;
  const { fileClass, formatVersion, fileNumber, previousNumber, baseSeqno } = facts;
  const before = previousNumber === 0 ? '' : `, behind file ${previousNumber}`;
  yield line('file', `${fileNumber} of class ${fileClass}${before}, format ${formatVersion}`);
  if (baseSeqno > 0) yield line('base seqno', String(baseSeqno));
  if (facts.databaseId !== undefined) yield line('database id', facts.databaseId);
  yield line('salt', facts.salt);
  yield line('encryption', suiteText(facts.suite, facts.epoch));
  yield line('ECC', eccName(facts.ecc));
}

function* slotLines(part: SlotPart): Generator<string> {
  const { slot, state, copies, section, counts, facts, tag } = part;
  const role = counts ? ', the one that counts' : '';
  yield `slot ${slot}: ${state}${role}; ${copiesText(copies)}, SEC-DED section ${section}\n`;
  if (facts === undefined) return;
  yield line('generation', String(facts.generation));
  const { manifestNumber, manifestBytes, isClean } = facts;
  const bytes = `${formatCount(manifestBytes)} bytes of it ${isClean ? 'in all' : 'at least'}`;
  yield line('manifest', `${manifestNumber}, ${bytes}`);
  yield line('closed', isClean ? 'cleanly' : 'not, or still open');
  yield line('database id', facts.databaseId);
  const sealed = tag === 'none' ? '' : `; ${tag}`;
  yield line('encryption', suiteText(facts.suite, facts.epoch) + sealed);
}

function* blockLines(block: BlockPart): Generator<string> {
  const { ordinal, offset, sizeBytes, facts, checksum, fault, frame, parity, aad, content } = block;
  const codec =
    facts.codec === 0 ? '' : `, ${facts.codecName} of ${formatCount(facts.contentBytes)}`;
  const why = fault === undefined ? '' : ` (${fault})`;
  const place = `#${ordinal} ${facts.typeName} at ${offset}: ${formatCount(sizeBytes)} bytes`;
  yield `${place}${codec}, checksum ${checksum}${why}${contentText(content)}\n`;
  if (checksum === 'damaged') yield line('header', headerText(block));
  if (frame !== undefined) yield line('frame', frameText(frame));
  if (parity !== undefined) yield line('parity', parityText(parity));
  if (aad !== undefined) yield* aadLines(aad);
}

function* aadLines(aad: AadFacts): Generator<string> {
  const dictionary = aad.dictionaryId === undefined ? 'unknown' : aad.dictionaryId;
  yield line('encryption', `${suiteText(aad.suite, aad.epoch)}; authenticated with it (AAD):`);
  yield line(
    '',
    `file ${aad.fileNumber} of class ${aad.fileClass}, database ${aad.databaseId ?? 'unknown'}`,
  );
  yield line(
    '',
    `position ${aad.position}, generation ${aad.generation}, block type ${aad.blockType}`,
  );
  const lengths = `content ${aad.contentBytes}, payload ${aad.payloadBytes}`;
  yield line('', `codec ${aad.codec}, dictionary ${dictionary}, ${lengths}`);
}

function contentText(content: string): string {
  if (content === 'read' || content === 'unread') return '';
  return content === 'sealed' ? ', content sealed' : `, content damaged: ${content}`;
}

function headerText({ facts }: BlockPart): string {
  const { type, codec, suite, epoch, checksumKind, payloadBytes, contentBytes } = facts;
  const numbers = `type ${type}, codec ${codec}, suite ${suite}, epoch ${epoch}`;
  const lengths = `payload ${payloadBytes}, content ${contentBytes}`;
  return `${numbers}, checksum kind ${checksumKind}, ${lengths}`;
}

function frameText({ offset, copies, section, blockBytes }: FrameFacts): string {
  const length = blockBytes === undefined ? 'length lost' : `length ${blockBytes}`;
  const check = section === undefined ? '' : `, check byte ${section}`;
  return `at ${offset}, ${length}; ${copiesText(copies)}${check}`;
}

function parityText(parity: ParityFacts): string {
  const { offset, sizeBytes, presentBytes, damagedData, damagedParity } = parity;
  const cut = presentBytes < sizeBytes ? ` (${formatCount(presentBytes)} of them there)` : '';
  const states = [
    damagedData === undefined
      ? 'no parity shard says which are damaged'
      : shards('data', damagedData),
    shards('parity', damagedParity),
  ].filter((text) => text !== '');
  const state = states.length === 0 ? 'all sound' : states.join(', ');
  return `at ${offset}, ${formatCount(sizeBytes)} bytes${cut}: ${layoutText(parity)}; ${state}`;
}

function layoutText(parity: ParityFacts): string {
  const { dataShards, dataShardBytes, parityShards, parityShardBytes } = parity;
  if (parityShardBytes === 1) return `a check byte for each of ${dataShards} words`;
  const data = formatItems(dataShards, 'data shard');
  return `${data} of ${dataShardBytes}, ${parityShards} of parity of ${parityShardBytes} bytes`;
}

function shards(what: string, { count, numbers }: DamagedShards): string {
  if (count === 0) return '';
  const more = count > numbers.length ? ' and more' : '';
  return `damaged ${what} ${numbers.join(' ')}${more}`;
}

function* stripesLines(part: StripesPart): Generator<string> {
  const { offset, sizeBytes, stripeCount, dataChunks, parityUnits, unitBytes, lostCount } = part;
  const size = `${formatCount(sizeBytes)} bytes at ${offset}`;
  const stripes = formatItems(stripeCount, 'stripe');
  const parity = `${parityUnits} of parity of ${unitBytes} bytes`;
  yield `stripes: ${size}; ${stripes} of up to ${dataChunks} chunks of 4096, ${parity}\n`;
  const states = [
    shards('chunks', part.damagedChunks),
    shards('parity', part.damagedUnits),
    lostCount === 0 ? '' : `${formatItems(lostCount, 'stripe')} beyond repair`,
    part.headerCopy === 'sound' ? '' : 'damaged copy of the header',
  ].filter((text) => text !== '');
  yield line('state', states.length === 0 ? 'all sound' : states.join(', '));
  yield line('heals', `any hole of up to ${formatCount(part.holeBytesMax)} bytes`);
}

function gapText({ offset, sizeBytes, isTorn, reason }: GapPart): string {
  const what = isTorn ? 'unfinished' : 'damaged';
  return `-- ${what}: ${formatCount(sizeBytes)} bytes at ${offset} (${reason})\n`;
}

function entryText(entry: EntryPart, encoding: Encoding): string {
  const { index, key, seqno, kind, value, valueBytes, familyId } = entry;
  const family = familyId === undefined ? '' : ` family ${familyId}`;
  const place = `${String(index).padStart(6)} ${kind}${family} @${seqno}`;
  if (value === undefined) return `${place} ${toText(key, encoding)}\n`;
  const left = valueBytes - value.length;
  const more = left > 0 ? `\\...(${left} bytes more)` : '';
  return `${place} ${toText(key, encoding)}\t${toText(value, encoding)}${more}\n`;
}

/** Contents whose fields have names of their own. */
function contentLines(part: InspectionPart, encoding: Encoding): string[] {
  if (part.part === 'opening') return ['    opening record: vouches for the header\n'];
  if (part.part === 'edit') return [`    ${jsonText(part.edit, encoding)}\n`];
  if (part.part === 'properties') return [...propertyLines(part.properties, encoding)];
  const { part: name, block: _, ...facts } = part as InspectionPart & { block?: number };
  const shown = part.part === 'footer' ? part.footer : facts;
  const words = Object.entries(shown).map(([what, value]) => {
    return `${wordsOf(what)} ${valueText(value, encoding)}`;
  });
  return [`    ${name}: ${words.join(', ')}\n`];
}

function* propertyLines(properties: object, encoding: Encoding): Generator<string> {
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'origin' && value !== undefined) yield* propertyLines(value as object, encoding);
    else yield `    ${name.padEnd(22)}${valueText(value, encoding)}\n`;
  }
}

function valueText(value: unknown, encoding: Encoding): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : plain(value.join(' '));
  return isBytes(value) ? `'${toText(value, encoding)}'` : plain(String(value));
}

/** Lists in which nothing stands are left out. */
function jsonText(edit: object, encoding: Encoding): string {
  const isUsed = (value: unknown) => !Array.isArray(value) || value.length > 0;
  const used = Object.entries(edit).filter(([, value]) => isUsed(value));
  return inspectionJson(Object.fromEntries(used) as InspectionPart, encoding)[0]!.trimEnd();
}

/** Rows of 16 bytes, the first one with name and meaning. */
function* fieldRows(field: FieldPart, encoding: Encoding): Generator<string> {
  const { area, offset, bytes, name, meaning } = field;
  const shown = meaning === '' ? toShortText(bytes, encoding, MEANING_BYTES_MAX) : meaning;
  for (let at = 0; at === 0 || at < bytes.length; at += ROW_BYTES) {
    const row = bytes.subarray(at, at + ROW_BYTES);
    const hex = hexOf(row).replace(/..(?=.)/g, '$& ');
    const place = `${area === 'content' ? '+' : ' '}${hexNumber(offset + at)}`;
    const text = at === 0 ? `  ${name}: ${shown}` : '';
    yield `${place}  ${text === '' ? hex : hex.padEnd(ROW_BYTES * 3 - 1)}${text}\n`;
  }
}

function hexNumber(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function summaryText(summary: SummaryPart): string {
  const { blockCount } = summary;
  return `${blockCount === 0 ? '' : `${formatItems(blockCount, 'block')}; `}${healthOf(summary)}\n`;
}

function line(name: string, text: string): string {
  return `    ${name.padEnd(12)}${text}\n`;
}

function copiesText(copies: readonly CopyState[]): string {
  const isAllSound = copies.every((state) => state === 'sound');
  const states = isAllSound ? 'all sound' : copies.join(' ');
  return `${formatItems(copies.length, 'copy', 'copies')} ${states}`;
}

function suiteText(suite: string, epoch: number): string {
  return suite === 'none' ? 'none' : `${suite}, epoch ${epoch}`;
}
