/**
 * Published test vectors, and the implementations that have to meet them.
 * @module
 */
import { nobleCrypto } from '../../src/crypto/noble.ts';
import { nodeCrypto } from '../../src/crypto/node.ts';
import type { AeadSuite, CryptoPrimitives, SuiteName } from '../../src/crypto/port.ts';

export const IMPLEMENTATIONS: readonly { name: string; primitives: CryptoPrimitives }[] = [
  { name: 'node:crypto', primitives: nodeCrypto() },
  { name: 'noble', primitives: nobleCrypto },
];
export const SUITE_NAMES: readonly SuiteName[] = ['aes-256-gcm', 'chacha20-poly1305'];

export function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replace(/\s/g, ''), 'hex'));
}

export function suiteOf(primitives: CryptoPrimitives, name: SuiteName): AeadSuite {
  return primitives.suites.find((suite) => suite.name === name)!;
}

export interface AeadVector {
  readonly source: string;
  readonly suite: SuiteName;
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  readonly plaintext: Uint8Array;
  /** Ciphertext and tag. */
  readonly sealed: Uint8Array;
}

const GCM_KEY = 'feffe9928665731c6d6a8f9467308308'.repeat(2);
const GCM_PLAINTEXT = `d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
  1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255`;
const GCM_CIPHERTEXT = `522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
  8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad`;

export const AEAD_VECTORS: readonly AeadVector[] = [
  {
    source: 'GCM specification, submitted to NIST, test case 13',
    suite: 'aes-256-gcm',
    key: new Uint8Array(32),
    nonce: new Uint8Array(12),
    aad: new Uint8Array(0),
    plaintext: new Uint8Array(0),
    sealed: bytes('530f8afbc74536b9a963b4f1c4cb738b'),
  },
  {
    source: 'GCM specification, test case 14',
    suite: 'aes-256-gcm',
    key: new Uint8Array(32),
    nonce: new Uint8Array(12),
    aad: new Uint8Array(0),
    plaintext: new Uint8Array(16),
    sealed: bytes('cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919'),
  },
  {
    source: 'GCM specification, test case 15',
    suite: 'aes-256-gcm',
    key: bytes(GCM_KEY),
    nonce: bytes('cafebabefacedbaddecaf888'),
    aad: new Uint8Array(0),
    plaintext: bytes(GCM_PLAINTEXT),
    sealed: bytes(`${GCM_CIPHERTEXT} b094dac5d93471bdec1a502270e3cc6c`),
  },
  {
    source: 'GCM specification, test case 16',
    suite: 'aes-256-gcm',
    key: bytes(GCM_KEY),
    nonce: bytes('cafebabefacedbaddecaf888'),
    aad: bytes('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
    plaintext: bytes(GCM_PLAINTEXT).subarray(0, 60),
    sealed: Uint8Array.from([
      ...bytes(GCM_CIPHERTEXT).subarray(0, 60),
      ...bytes('76fc6ece0f4e1768cddf8853bb2d551b'),
    ]),
  },
  {
    source: 'RFC 8439, section 2.8.2',
    suite: 'chacha20-poly1305',
    key: bytes('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f'),
    nonce: bytes('070000004041424344454647'),
    aad: bytes('50515253c0c1c2c3c4c5c6c7'),
    plaintext: new TextEncoder().encode(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the " +
        'future, sunscreen would be it.',
    ),
    sealed: bytes(`d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
      3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
      92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
      3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691`),
  },
  {
    source: 'RFC 8439, appendix A.5',
    suite: 'chacha20-poly1305',
    key: bytes('1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0'),
    nonce: bytes('000000000102030405060708'),
    aad: bytes('f33388860000000000004e91'),
    plaintext: new TextEncoder().encode(
      'Internet-Drafts are draft documents valid for a maximum of six months and may be ' +
        'updated, replaced, or obsoleted by other documents at any time. It is inappropriate ' +
        'to use Internet-Drafts as reference material or to cite them other than as ' +
        '/\u201cwork in progress./\u201d',
    ),
    sealed: bytes(`64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2
      4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf
      332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855
      9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4
      b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e
      af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a
      0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10
      49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29
      a6ad5cb4022b02709b eead9d67890cbb22392336fea1851f38`),
  },
];

export interface HkdfVector {
  readonly source: string;
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  readonly info: Uint8Array;
  readonly derived: Uint8Array;
}

function range(from: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => from + index);
}

/** RFC 5869, appendix A: the cases of SHA-256. */
export const HKDF_VECTORS: readonly HkdfVector[] = [
  {
    source: 'RFC 5869, A.1',
    key: new Uint8Array(22).fill(0x0b),
    salt: range(0, 13),
    info: range(0xf0, 10),
    derived: bytes(`3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf
      34007208d5b887185865`),
  },
  {
    source: 'RFC 5869, A.2',
    key: range(0x00, 80),
    salt: range(0x60, 80),
    info: range(0xb0, 80),
    derived: bytes(`b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c
      59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
      cc30c58179ec3e87c14c01d5c1f3434f1d87`),
  },
  {
    source: 'RFC 5869, A.3',
    key: new Uint8Array(22).fill(0x0b),
    salt: new Uint8Array(0),
    info: new Uint8Array(0),
    derived: bytes(`8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d
      9d201395faa4b61a96c8`),
  },
];
