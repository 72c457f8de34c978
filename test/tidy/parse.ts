/**
 * Reads TypeScript and JavaScript sources with the compiler's own parser and keeps what the tidy
 * rules ask about: imports, functions, names that are not declared in the file, test modifiers.
 * @module
 */
import {
  type CallExpression,
  type Identifier,
  isCallExpression,
  isIdentifier,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isObjectLiteralExpression,
  isPropertyAccessExpression,
  isPropertyAssignment,
  isStringLiteral,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';

/** A reference from a file to another file or package. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Loaded before the first line of the file runs; false for `import()`. */
  readonly isStatic: boolean;
}

/** A function with a body; `lines` counts from its first token to its closing brace. */
export interface FunctionSpan {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
  /** True for the callback of `describe` or `suite`, which is a list of tests. */
  readonly isSuite: boolean;
}

/** A use of a name that the file does not declare, `Date.now` being one name. */
export interface GlobalUse {
  readonly name: string;
  readonly line: number;
}

/** What the rules know of one file. */
export interface Source {
  /** Path from the root of the project, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionSpan[];
  readonly globals: readonly GlobalUse[];
  /** Tests that are singled out or left out: `test.only(`, `{ skip: true }`. */
  readonly testModifiers: readonly GlobalUse[];
}

/** Parses `texts`, which maps paths to contents. */
export function parse(texts: ReadonlyMap<string, string>): Source[] {
  const paths = [...texts.keys()];
  const config = {
    compilerOptions: { allowJs: true, noLib: true, noResolve: true, types: [], noEmit: true },
    files: paths,
  };
  const files: Record<string, string> = { '/tidy/tsconfig.json': JSON.stringify(config) };
  for (const [path, text] of texts) files[`/tidy/${path}`] = text;
  const api = new API({ cwd: '/tidy', fs: createVirtualFileSystem(files) });
  try {
    const snapshot = api.updateSnapshot({ openProjects: ['/tidy/tsconfig.json'] });
    const program = snapshot.getProjects()[0]?.program;
    return paths.map((path) => {
      const file = program?.getSourceFile(`/tidy/${path}`);
      if (file === undefined) throw new Error(`The parser does not take ${path}`);
      return new Reader(path, texts.get(path) ?? '', file).source();
    });
  } finally {
    api.close();
  }
}

/** Declarations whose `name` is visible to the code around them. */
const DECLARATIONS = new Set([
  SyntaxKind.VariableDeclaration,
  SyntaxKind.Parameter,
  SyntaxKind.BindingElement,
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ClassDeclaration,
  SyntaxKind.ClassExpression,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeAliasDeclaration,
  SyntaxKind.TypeParameter,
  SyntaxKind.ImportSpecifier,
  SyntaxKind.ImportClause,
  SyntaxKind.NamespaceImport,
]);

const FUNCTIONS = new Set([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.Constructor,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
  SyntaxKind.ClassStaticBlockDeclaration,
]);

const TEST_CALLS = new Set(['test', 'it', 'describe', 'suite', 't', 'context']);
const MODIFIERS = new Set(['only', 'skip', 'todo']);

/** The parts of nodes that are read here, whatever their kind. */
interface Parts {
  readonly name?: Node;
  readonly propertyName?: Node;
  readonly body?: Node;
  readonly moduleSpecifier?: Node;
  readonly label?: Node;
  readonly right?: Node;
}

/** Walks one file. */
class Reader {
  readonly path: string;
  readonly text: string;
  readonly file: SourceFile;
  readonly lineStarts: readonly number[];
  readonly imports: Import[];
  readonly functions: FunctionSpan[];
  readonly uses: GlobalUse[];
  readonly testModifiers: GlobalUse[];
  readonly declared: Set<string>;

  constructor(path: string, text: string, file: SourceFile) {
    this.path = path;
    this.text = text;
    this.file = file;
    this.lineStarts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)];
    this.imports = [];
    this.functions = [];
    this.uses = [];
    this.testModifiers = [];
    this.declared = new Set();
  }

  source(): Source {
    this.visit(this.file);
    const { path, text, imports, functions, testModifiers } = this;
    const globals = this.uses.filter((use) => !this.declared.has(use.name.replace(/\..*/, '')));
    return { path, text, lines: text.split('\n'), imports, functions, globals, testModifiers };
  }

  private visit(node: Node): void {
    this.noteImport(node);
    if (FUNCTIONS.has(node.kind)) this.noteFunction(node);
    if (isIdentifier(node)) this.noteIdentifier(node);
    if (isCallExpression(node)) this.noteTestModifier(node);
    node.forEachChild((child) => this.visit(child));
  }

  private lineAt(position: number): number {
    let low = 0;
    let high = this.lineStarts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.lineStarts[middle]! <= position) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  private lineOf(node: Node): number {
    return this.lineAt(node.getStart(this.file));
  }

  private noteImport(node: Node): void {
    let name: Node | undefined;
    const isStatic =
      node.kind === SyntaxKind.ImportDeclaration || node.kind === SyntaxKind.ExportDeclaration;
    if (isStatic) {
      name = (node as Parts).moduleSpecifier;
    } else if (node.kind === SyntaxKind.ImportType) {
      node.forEachChild((child) => {
        if (child.kind !== SyntaxKind.LiteralType || name !== undefined) return;
        child.forEachChild((literal) => {
          name = literal;
        });
      });
    } else if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
      name = node.arguments[0];
    } else if (isNewExpression(node) && node.expression.getText(this.file) === 'URL') {
      if (node.arguments?.[1]?.getText(this.file) !== 'import.meta.url') return;
      name = node.arguments[0];
    }
    const specifier = literalText(name);
    if (specifier === undefined) return;
    this.imports.push({ specifier, line: this.lineOf(node), isStatic });
  }

  private noteFunction(node: Node): void {
    if ((node as Parts).body === undefined) return;
    const line = this.lineOf(node);
    const callee = isCallExpression(node.parent) ? node.parent.expression : undefined;
    this.functions.push({
      name: this.functionName(node, callee),
      line,
      lines: this.lineAt(node.getEnd() - 1) - line + 1,
      isSuite: callee !== undefined && /^(describe|suite)\b/.test(callee.getText(this.file)),
    });
  }

  private functionName(node: Node, callee: Node | undefined): string {
    if (callee !== undefined) return `callback of ${callee.getText(this.file).slice(0, 40)}`;
    if (node.kind === SyntaxKind.Constructor) return 'constructor';
    const name = (node as Parts).name ?? (node.parent as Parts).name;
    return name?.getText(this.file) ?? 'function without a name';
  }

  private noteIdentifier(node: Identifier): void {
    const parent = node.parent as Node & Parts;
    if (parent.name === node && parent.kind !== SyntaxKind.ShorthandPropertyAssignment) {
      if (DECLARATIONS.has(parent.kind)) this.declared.add(node.text);
      return;
    }
    if (parent.propertyName === node || parent.label === node) return;
    if (parent.kind === SyntaxKind.QualifiedName && parent.right === node) return;
    this.uses.push({ name: this.globalName(node), line: this.lineOf(node) });
  }

  /** `Date.now` for `Date.now()`, `globalThis.Date.now()` and `new Date()`. */
  private globalName(node: Identifier): string {
    let name = node.text;
    let at: Node = node;
    for (; isPropertyAccessExpression(at.parent) && at.parent.expression === at; at = at.parent) {
      name = name === 'globalThis' ? at.parent.name.text : `${name}.${at.parent.name.text}`;
    }
    const { parent } = at;
    const asksTheTime =
      name === 'Date' && isNewExpression(parent) && (parent.arguments?.length ?? 0) === 0;
    return asksTheTime ? 'Date.now' : name;
  }

  private noteTestModifier(node: CallExpression): void {
    const callee = node.expression.getText(this.file);
    const [object = '', modifier = ''] = callee.split('.');
    if (!TEST_CALLS.has(object)) return;
    if (MODIFIERS.has(modifier)) {
      this.testModifiers.push({ name: `${callee}(`, line: this.lineOf(node) });
    }
    for (const argument of node.arguments) {
      if (!isObjectLiteralExpression(argument)) continue;
      for (const property of argument.properties) {
        if (!isPropertyAssignment(property)) continue;
        const name = property.name.getText(this.file);
        // A condition is fine (`skip: process.platform === 'win32'`), a constant is not.
        const value = property.initializer.kind;
        const constant =
          value === SyntaxKind.TrueKeyword || literalText(property.initializer) !== undefined;
        if (MODIFIERS.has(name) && constant) {
          this.testModifiers.push({ name: `{ ${name} }`, line: this.lineOf(property) });
        }
      }
    }
  }
}

/** The value of a string literal, or undefined for anything else. */
function literalText(node: Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  return isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node) ? node.text : undefined;
}
