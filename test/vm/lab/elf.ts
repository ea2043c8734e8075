// SPDX-License-Identifier: MIT
// Reads just enough ELF64 to list the shared libraries of a program and the dependencies of a kernel module.
// Called by image-builder.ts, job.ts and kernel.ts. Format: elf(5).
import fs from 'node:fs';
import path from 'node:path';

const SHT_DYNAMIC = 6;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

interface Linkage {
  readonly interpreter: string | undefined;
  readonly needed: readonly string[];
  readonly searchPath: readonly string[];
}

/** True if the file begins as every ELF file does. */
export function isElf(file: string): boolean {
  const descriptor = fs.openSync(file, 'r');
  try {
    const magic = Buffer.alloc(4);
    return fs.readSync(descriptor, magic, 0, 4, 0) === 4 && magic.toString('latin1') === '\x7fELF';
  } finally {
    fs.closeSync(descriptor);
  }
}

const stringAt = (image: Buffer, offset: number): string => image.toString('latin1', offset, image.indexOf(0, offset));

function sectionsOf(image: Buffer): Section[] {
  const table = Number(image.readBigUInt64LE(0x28));
  const entrySize = image.readUInt16LE(0x3a);
  const count = image.readUInt16LE(0x3c);
  const start = (index: number): number => table + index * entrySize;
  const names = Number(image.readBigUInt64LE(start(image.readUInt16LE(0x3e)) + 24));
  return Array.from({ length: count }, (_, index) => ({
    name: stringAt(image, names + image.readUInt32LE(start(index))),
    type: image.readUInt32LE(start(index) + 4),
    offset: Number(image.readBigUInt64LE(start(index) + 24)),
    size: Number(image.readBigUInt64LE(start(index) + 32)),
    link: image.readUInt32LE(start(index) + 40),
  }));
}

function linkageOf(file: string): Linkage {
  const image = fs.readFileSync(file);
  const sections = sectionsOf(image);
  const interpreter = sections.find((section) => section.name === '.interp');
  const dynamic = sections.find((section) => section.type === SHT_DYNAMIC);
  const needed: string[] = [];
  const searchPath: string[] = [];
  const strings = dynamic && sections[dynamic.link]?.offset;
  if (dynamic && strings !== undefined) {
    for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
      const tag = Number(image.readBigInt64LE(at));
      const text = (): string => stringAt(image, strings + Number(image.readBigUInt64LE(at + 8)));
      if (tag === DT_NULL) break;
      if (tag === DT_NEEDED) needed.push(text());
      if (tag === DT_RPATH || tag === DT_RUNPATH) searchPath.push(...text().split(':'));
    }
  }
  return { interpreter: interpreter && stringAt(image, interpreter.offset), needed, searchPath };
}

/** Where the Debian and most other x86-64 loaders look, in the order in which they do. */
const LIBRARY_FOLDERS = [
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/lib64',
  '/usr/lib64',
  '/lib',
  '/usr/lib',
  '/usr/local/lib',
];

/** Folder of the guest that holds every library; the Debian loader looks there first. */
export const GUEST_LIBRARIES = '/usr/lib/x86_64-linux-gnu';

/**
 * Finds every library that dynamic programs need, theirs included.
 * @param programs ELF files
 * @param root tree that the libraries come from, '' for this machine
 * @returns place in the guest -> file here
 */
export function librariesOf(programs: readonly string[], root = ''): Map<string, string> {
  const found = new Map<string, string>();
  const names = new Set<string>();
  const waiting = [...programs];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const { interpreter, needed, searchPath } = linkageOf(file);
    if (interpreter !== undefined) {
      names.add(path.basename(interpreter));
      found.set(interpreter, root === '' ? interpreter : path.join(root, 'usr', interpreter));
    }
    const own = searchPath.map((folder) => folder.replace(/\$\{?ORIGIN\}?/, path.dirname(file)));
    const folders = [...own, ...LIBRARY_FOLDERS.map((folder) => root + folder)];
    for (const name of needed) {
      if (names.has(name)) continue;
      names.add(name);
      const library = folders.map((folder) => path.join(folder, name)).find((candidate) => fs.existsSync(candidate));
      if (library === undefined) throw new Error(`${file} needs ${name}, which is in none of ${folders.join(', ')}`);
      found.set(`${GUEST_LIBRARIES}/${name}`, library);
      waiting.push(library);
    }
  }
  return found;
}

/** Fields of a kernel module that begin with `name=`, as modinfo(8) shows them. */
function moduleInfo(file: string, name: string): string[] {
  const image = fs.readFileSync(file);
  const info = sectionsOf(image).find((section) => section.name === '.modinfo');
  if (!info) throw new Error(`${file} is not a kernel module: it has no .modinfo`);
  const fields = image.toString('latin1', info.offset, info.offset + info.size).split('\0');
  return fields.flatMap((field) => (field.startsWith(`${name}=`) ? [field.slice(name.length + 1)] : []));
}

/** Names of the modules that a kernel module says it depends on. */
export function moduleDependencies(file: string): string[] {
  const [depends = ''] = moduleInfo(file, 'depends');
  return depends.split(',').filter((name) => name !== '');
}

/** Names under which the kernel may ask for a module. */
export const moduleAliases = (file: string): string[] => moduleInfo(file, 'alias');
