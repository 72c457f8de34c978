/**
 * Incremental backups of databases, and whole databases as one file: `varve/backup`.
 *
 *     const backups = new Backups(new DirectoryTarget(new NodeFs(), './backups'));
 *     await backups.create(db);
 *     await backups.purge({ keep: 7 });
 *     await backups.restore(new NodeFs(), './restored');
 *     await importDatabase(new NodeFs(), './copy', exportDatabase(db));
 * @module
 */
export type { CopyOptions, FollowOptions } from '../copy/pace.ts';
export type { Clock, HostLoop, Random, StopSignal } from '../env/port.ts';
export type { FoundBytes, HealSource, WantedBytes } from '../integrity/heal-source.ts';
export { BackupSource } from './backup-source.ts';
export {
  type BackupChoice,
  type BackupInfo,
  type BackupList,
  type BackupPorts,
  Backups,
} from './backups.ts';
export type { BackupReport } from './create.ts';
export { DirectoryTarget } from './directory-target.ts';
export { exportDatabase } from './export.ts';
export { exportFileFs } from './export-file.ts';
export { type ImportReport, importDatabase, verifyExport } from './import.ts';
export type { BackupTarget, ByteRange, Pieces } from './port.ts';
export type { PurgeOptions, PurgeReport } from './purge.ts';
export type { RestoreReport } from './restore.ts';
export type { BackupDamage, BackupVerification } from './verify.ts';
