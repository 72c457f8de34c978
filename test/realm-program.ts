/**
 * Runs the engine in a realm of its own, as jest runs the code under test: globals and error
 * classes are not those that the `node:` modules throw and return. Started by realms.test.ts with
 * `--experimental-vm-modules`.
 * @module
 */
import { readFileSync } from 'node:fs';
import vm from 'node:vm';

/** The part of node:vm that its types lack without the flag. */
interface VmModule {
  link(linker: (specifier: string, from: VmModule) => Promise<VmModule>): Promise<void>;
  evaluate(): Promise<void>;
  readonly status: string;
  readonly identifier: string;
  readonly namespace: Record<string, unknown>;
}
interface VmModules {
  readonly SourceTextModule: new (code: string, options: object) => VmModule;
  readonly SyntheticModule: new (
    names: string[],
    evaluate: (this: { setExport(name: string, value: unknown): void }) => void,
    options: object,
  ) => VmModule;
}
const { SourceTextModule, SyntheticModule } = vm as unknown as VmModules;

/** What jest gives the realm of a test as well. */
const globals = [
  ...['process', 'Buffer', 'atob', 'crypto', 'performance', 'structuredClone', 'console', 'URL'],
  ...['TextEncoder', 'TextDecoder', 'setTimeout', 'clearTimeout', 'setImmediate'],
  'MessageChannel',
] as const;
const context = vm.createContext(
  Object.fromEntries(globals.map((name) => [name, (globalThis as Record<string, unknown>)[name]])),
);
const loaded = new Map<string, Promise<VmModule>>();

/** Our modules are loaded into the realm, all others are those of the host. */
function load(url: string): Promise<VmModule> {
  let module = loaded.get(url);
  module ??= url.startsWith('file:') ? loadOwn(url) : loadForeign(url);
  loaded.set(url, module);
  return module;
}

async function loadOwn(url: string): Promise<VmModule> {
  return new SourceTextModule(readFileSync(new URL(url), 'utf8'), {
    context,
    identifier: url,
    initializeImportMeta: (meta: { url: string }) => {
      meta.url = url;
    },
    importModuleDynamically: async (specifier: string) => {
      const module = await load(resolve(specifier, url));
      await prepare(module);
      return module;
    },
  });
}

async function loadForeign(specifier: string): Promise<VmModule> {
  const exports: Record<string, unknown> = await import(specifier);
  return new SyntheticModule(
    Object.keys(exports),
    function () {
      for (const [name, value] of Object.entries(exports)) this.setExport(name, value);
    },
    { context, identifier: specifier },
  );
}

function resolve(specifier: string, from: string): string {
  return specifier.startsWith('.') ? new URL(specifier, from).href : specifier;
}

async function prepare(module: VmModule): Promise<void> {
  // A module that was imported before is linked and evaluated already.
  if (module.status === 'unlinked') {
    await module.link((specifier, from) => load(resolve(specifier, from.identifier)));
  }
  await module.evaluate();
}

const [program, ...rest] = process.argv.slice(2);
context['args'] = rest;
const main = new SourceTextModule(program!, {
  context,
  identifier: new URL('../src/realm-main.js', import.meta.url).href,
});
await prepare(main);
