/**
 * The block pipeline of one open database: what its files need to be written and read, whatever
 * their settings. A new file is made with the settings of the day; an existing one says in its
 * header what it was made with, so files of different settings live side by side.
 * @module
 */
import { compareKeys } from '../bytes/compare.ts';
import type { CodecSettings } from '../compress/options.ts';
import { CODEC_LZ4, CODEC_ZSTD, type Compression, type Compressor } from '../compress/port.ts';
import { NO_DICTIONARY, type ZstdDictionary } from '../compress/zstd-dictionary.ts';
import { ZSTD_LEVEL_MIN } from '../compress/zstd-limits.ts';
import type { FileCipher } from '../crypto/file-cipher.ts';
import { KeyRing, type KeySet } from '../crypto/key-ring.ts';
import { type CryptoPrimitives, SUITE_NONE, TAG_BYTES } from '../crypto/port.ts';
import { createEccCodec } from '../ecc/codec.ts';
import { blockCodeOf, type EccOptions } from '../ecc/options.ts';
import type { EccCodec } from '../ecc/port.ts';
import type { Random } from '../env/port.ts';
import { VarveError } from '../errors.ts';
import { closeFile, type ReadableFile, readAt } from '../fs/port.ts';
import { BLOCK_OVERHEAD_BYTES } from './block-format.ts';
import { BlockReader, type Correction } from './block-reader.ts';
import { type BlockCompression, BlockWriter } from './block-writer.ts';
import {
  expectFileHeader,
  FILE_CLASS_TABLE,
  FILE_CLASS_WAL,
  FILE_HEADER_BYTES_MAX,
  type FileHeader,
  headerBinding,
  isIntactHeader,
  SALT_BYTES,
} from './file-header.ts';
import { type FileProtection, UNPROTECTED } from './file-protection.ts';
import { readAround } from './read-around.ts';
import { frameBytes } from './record-frame.ts';
import { readLastHeader, stripesOf } from './striped-file.ts';

/** What a pipeline is made of. */
export interface PipelineOptions {
  /** Where salts come from: unpredictable, where keys are real. */
  readonly random: Random;
  readonly compression: Compression;
  /** Undefined for a database without encryption; destroyed with the pipeline. */
  readonly keys: KeyRing | undefined;
  /** Of the manifest and of logs that are written, which have no stripes. */
  readonly logEcc: EccOptions | undefined;
  readonly logCompression: 'none' | 'lz4';
  /** Told of damage that a read has put right. */
  readonly onCorrection: (correction: Correction) => void;
  /** Told of files that could not be closed without an error; nothing is lost by that. */
  readonly onCloseFailed?: ((error: VarveError) => void) | undefined;
}

/** What another thread needs to write and read tables of the same database: plain data. */
export interface PipelineShare {
  readonly databaseId: Uint8Array;
  readonly keyChecks: ReadonlyMap<number, Uint8Array>;
  /** Undefined without encryption. */
  readonly keys: KeySet | undefined;
  readonly needsZstd: boolean;
}

/** See the module head. */
export class Pipeline {
  readonly random: Random;
  readonly keys: KeyRing | undefined;
  /** How manifest and logs are written. */
  readonly logProtection: FileProtection;
  readonly logCompression: BlockCompression | undefined;
  readonly onCorrection: (correction: Correction) => void;
  readonly onCloseFailed: ((error: VarveError) => void) | undefined;
  /** 16 bytes; set before the first file is written or read. */
  databaseId: Uint8Array;
  /** Epoch to key check, as far as the manifest has been read. */
  keyChecks: ReadonlyMap<number, Uint8Array>;
  /** Manifest and logs with this number or a higher one must be encrypted. */
  sealedFrom: number;
  /** Whether `Compression.loadZstd` has resolved. */
  isZstdReady: boolean;
  readonly #compression: Compression;
  readonly #eccCodecs: Map<string, EccCodec>;
  readonly #decompressors: Map<number, Compressor>;
  readonly #dictionaries: Map<number, WeakRef<ZstdDictionary>>;
  /** Epochs whose key was found to be the right one. */
  readonly #checkedEpochs: Set<number>;

  constructor(options: PipelineOptions) {
    this.random = options.random;
    this.keys = options.keys;
    this.onCorrection = options.onCorrection;
    this.onCloseFailed = options.onCloseFailed;
    this.databaseId = new Uint8Array(0);
    this.keyChecks = new Map();
    this.#checkedEpochs = new Set();
    this.sealedFrom = Number.POSITIVE_INFINITY;
    this.isZstdReady = false;
    this.#compression = options.compression;
    this.#eccCodecs = new Map();
    this.#decompressors = new Map();
    this.#dictionaries = new Map();
    this.logProtection = this.protection(true, blockCodeOf(options.logEcc));
    this.logCompression =
      options.logCompression === 'none' ? undefined : this.#plainCompression(this.#lz4());
  }

  /**
   * The pipeline of a thread that writes and reads tables for another; no logs. Where the share
   * needs zstd, that has been loaded.
   */
  static of(
    share: PipelineShare,
    primitives: CryptoPrimitives,
    options: Pick<PipelineOptions, 'random' | 'compression' | 'onCorrection' | 'onCloseFailed'>,
  ): Pipeline {
    const keys = share.keys === undefined ? undefined : KeyRing.of(primitives, share.keys);
    const pipeline = new Pipeline({ ...options, keys, logEcc: undefined, logCompression: 'none' });
    pipeline.databaseId = share.databaseId;
    pipeline.keyChecks = share.keyChecks;
    pipeline.isZstdReady = share.needsZstd;
    return pipeline;
  }

  /** For {@link Pipeline.of}, with the keys of these epochs. */
  share(epochs: Iterable<number>): PipelineShare {
    const { databaseId, keyChecks, isZstdReady } = this;
    return { databaseId, keyChecks, keys: this.keys?.share(epochs), needsZstd: isZstdReady };
  }

  /**
   * The same for readers whose corrections somebody else is told of. It lives no longer than this
   * one, which closes the keys of both.
   */
  telling(onCorrection: (correction: Correction) => void): Pipeline {
    const { random, keys, onCloseFailed } = this;
    const compression = this.#compression;
    const logs = { logEcc: undefined, logCompression: 'none' } as const;
    const pipeline = new Pipeline({
      ...logs,
      ...{ random, compression, keys, onCorrection, onCloseFailed },
    });
    pipeline.databaseId = this.databaseId;
    pipeline.keyChecks = this.keyChecks;
    pipeline.isZstdReady = this.isZstdReady;
    return pipeline;
  }

  /** How a new file is protected. */
  protection(isEncrypted: boolean, ecc: EccOptions | undefined): FileProtection {
    const { keys } = this;
    if (keys === undefined || !isEncrypted)
      return ecc === undefined ? UNPROTECTED : { ...UNPROTECTED, ecc };
    return { suiteId: keys.suiteId, epoch: keys.epoch, ecc };
  }

  /** Bytes of the parity section of a block of this length; 0 without a code. */
  parityBytes(ecc: EccOptions | undefined, blockLen: number): number {
    return this.#eccCodec(ecc)?.parityBytes(blockLen) ?? 0;
  }

  /** Bytes of a record of a new log with a content of this length, if it is not compressed. */
  logRecordBytes(contentLen: number): number {
    const { suiteId, ecc } = this.logProtection;
    const tagBytes = suiteId === SUITE_NONE ? 0 : TAG_BYTES;
    const blockLen = BLOCK_OVERHEAD_BYTES + contentLen + tagBytes;
    return frameBytes(ecc) + blockLen + this.parityBytes(ecc, blockLen);
  }

  /** Fills in the header of a new file: the salt is fresh, and all but logs name the database. */
  newHeader(header: Omit<FileHeader, 'salt' | 'databaseId'>): FileHeader {
    const { databaseId } = this;
    const salt = this.newSalt();
    const isNamed = header.fileClass !== FILE_CLASS_WAL && databaseId.length > 0;
    return isNamed ? { ...header, salt, databaseId } : { ...header, salt };
  }

  newSalt(): Uint8Array {
    const salt = new Uint8Array(SALT_BYTES);
    this.random.fill(salt);
    return salt;
  }

  /** The writer of a new file. */
  writer(path: string, header: FileHeader): BlockWriter {
    const ecc = this.#eccCodec(header.protection.ecc);
    return new BlockWriter(header.salt, this.#cipher(header, path), ecc);
  }

  /**
   * The reader of a file with this header.
   * @param fileBytes size that the file should have; the one that it has, if absent
   * @throws VarveError `KEY` when the file is encrypted under a key that is not there,
   * `UNSUPPORTED` for a suite that this version does not know
   */
  reader(file: ReadableFile, header: FileHeader, fileBytes?: number): BlockReader {
    return this.#reader(file, header, this.#cipher(header, file.path), fileBytes);
  }

  /** A reader that inspects and repairs blocks, without the file's key: it decodes none. */
  blindReader(file: ReadableFile, header: FileHeader, fileBytes?: number): BlockReader {
    return this.#reader(file, header, undefined, fileBytes);
  }

  #reader(
    file: ReadableFile,
    header: FileHeader,
    cipher: FileCipher | undefined,
    fileBytes: number | undefined,
  ): BlockReader {
    return new BlockReader(file, {
      salt: header.salt,
      cipher,
      ecc: this.#eccCodec(header.protection.ecc),
      stripes: stripesOf(file, header, fileBytes),
      decompressor: (codecId) => this.#decompressor(codecId),
      onCorrection: this.onCorrection,
      onCloseFailed: this.onCloseFailed,
    });
  }

  /**
   * Reads the header of a file that must be of this class and number; damage to some of its copies
   * is reported.
   * @throws VarveError `CORRUPTION` when no copy is sound or it is another file's, `UNSUPPORTED`
   */
  readHeader(file: ReadableFile, fileClass: number, fileNumber: number): FileHeader {
    const buf = new Uint8Array(FILE_HEADER_BYTES_MAX);
    const own = { fileClass, fileNumber };
    const isTable = fileClass === FILE_CLASS_TABLE;
    // The beginning may be lost to the device: then the last copy counts.
    const error = isTable ? readAround(file, buf, 0, buf.length, 0) : undefined;
    const length = isTable ? buf.length : readAt(file, buf, 0, buf.length, 0);
    const last = () => {
      const header = isTable ? readLastHeader(file, own) : undefined;
      if (header === undefined && error !== undefined) throw error;
      return header;
    };
    const header = expectFileHeader(buf, length, file.path, own, last);
    if (!isIntactHeader(buf, length, header)) this.noteRepair(file.path);
    return header;
  }

  /** Reports that a record of several copies was read although some are damaged. */
  noteRepair(path: string): void {
    this.onCorrection({
      file: path,
      offset: 0,
      blockType: 0,
      correctedShards: 1,
      correctedBits: 0,
    });
  }

  /**
   * Makes sure of the key of an epoch, as far as its key check is known.
   * @param path a file that is encrypted under it, for messages
   * @throws VarveError `KEY` when it is missing or another
   */
  expectEpoch(epoch: number, path: string): void {
    if (this.#checkedEpochs.has(epoch)) return;
    const { keys } = this;
    if (keys === undefined) {
      const text = `${path} is encrypted under epoch ${epoch}, and no keys were given`;
      throw new VarveError('KEY', text, { file: path });
    }
    const check = this.keyChecks.get(epoch);
    if (check === undefined) return;
    keys.expectKey(epoch, this.databaseId, check, path);
    this.#checkedEpochs.add(epoch);
  }

  /** How blocks are compressed under these settings; undefined: not at all. */
  compression(
    settings: CodecSettings,
    dictionary: ZstdDictionary | undefined,
  ): BlockCompression | undefined {
    if (settings.codec === 'none') return undefined;
    const quick = this.#lz4();
    if (settings.codec === 'lz4') return this.#plainCompression(quick);
    const codec = this.#compression.zstd(settings.level, dictionary);
    return { codec, quick, dictionaryId: dictionary?.id ?? NO_DICTIONARY };
  }

  /** Makes zstd ready, for as long as the process lives. */
  async loadZstd(): Promise<void> {
    await this.#compression.loadZstd();
    this.isZstdReady = true;
  }

  /**
   * The object that stands for these bytes in the whole database: what zstd prepares of a
   * dictionary is kept by object.
   */
  dictionary(found: ZstdDictionary): ZstdDictionary {
    const known = this.#dictionaries.get(found.id)?.deref();
    if (known !== undefined && compareKeys(known.bytes, found.bytes) === 0) return known;
    this.#dictionaries.set(found.id, new WeakRef(found));
    return found;
  }

  /** Reads what was compressed with a dictionary; undefined while zstd is not ready. */
  dictionaryCodec(dictionary: ZstdDictionary): Compressor | undefined {
    return this.isZstdReady ? this.#compression.zstd(ZSTD_LEVEL_MIN, dictionary) : undefined;
  }

  /** Releases a handle of which nothing more is expected; a failure is told, and no more. */
  closeFile(file: ReadableFile): void {
    closeFile(file, this.onCloseFailed);
  }

  /** Overwrites the keys. Files that are open stay readable. */
  close(): void {
    this.keys?.destroy();
  }

  #lz4(): Compressor {
    return this.#decompressor(CODEC_LZ4)!;
  }

  #plainCompression(codec: Compressor): BlockCompression {
    return { codec, quick: codec, dictionaryId: NO_DICTIONARY };
  }

  #cipher(header: FileHeader, path: string): FileCipher | undefined {
    const { suiteId, epoch } = header.protection;
    if (suiteId === SUITE_NONE) return undefined;
    this.expectEpoch(epoch, path);
    const identity = {
      databaseId: this.databaseId,
      fileClass: header.fileClass,
      fileNumber: header.fileNumber,
      salt: header.salt,
      binding: headerBinding(header),
    };
    return this.keys!.fileCipher(suiteId, epoch, identity, path);
  }

  /** Working memory is shared: nothing here runs while something else does. */
  #eccCodec(ecc: EccOptions | undefined): EccCodec | undefined {
    const code = blockCodeOf(ecc);
    if (code === undefined) return undefined;
    const name = JSON.stringify(code);
    let codec = this.#eccCodecs.get(name);
    if (codec === undefined) {
      codec = createEccCodec(code);
      this.#eccCodecs.set(name, codec);
    }
    return codec;
  }

  #decompressor(codecId: number): Compressor | undefined {
    let codec = this.#decompressors.get(codecId);
    if (codec !== undefined) return codec;
    if (codecId === CODEC_LZ4) codec = this.#compression.lz4();
    else if (codecId === CODEC_ZSTD && this.isZstdReady)
      codec = this.#compression.zstd(ZSTD_LEVEL_MIN);
    else return undefined;
    this.#decompressors.set(codecId, codec);
    return codec;
  }
}
