// SPDX-License-Identifier: MIT
//
// Types of debian-packages.mjs.

/** The project's cache folder: `$XDG_CACHE_HOME/vmbus`, or `~/.cache/vmbus`. */
export declare function cacheFolder(): string;

/** True where packages can be fetched at all: apt is there, whatever the network says. */
export declare function hasApt(): boolean;

/** The Debian release this machine runs, such as `bookworm`. */
export declare function machineSuite(): string;

/** Packages of one Debian suite, fetched into a folder of our own. Processes that share a cache take turns. */
export declare class DebianPackages {
  /**
   * @param options.suite such as `trixie` or `bookworm-security`
   * @param options.cache folder that keeps lists, state and packages; the project's cache folder if left out
   * @param options.architecture Debian's name of it, such as `arm64`; `amd64` if left out
   */
  constructor(options: { readonly suite: string; readonly cache?: string; readonly architecture?: string });
  /** Fetches the suite's package list; the first fetch does it by itself. @throws when it can't be had */
  update(): void;
  /** Fetches packages with all that they depend on. @returns paths of .deb files */
  withDependencies(...names: string[]): string[];
  /** Fetches packages without what they depend on. @returns paths of .deb files */
  alone(...names: string[]): string[];
  /** Names of the packages that a package depends on. */
  dependsOn(name: string): string[];
  /** The unpacked tree `<cache>/trees/<name>`; only the first call fetches, later ones ask no network. */
  tree(name: string, fetch: () => readonly string[]): string;
  /** Unpacks packages into a folder that appears complete or not at all; nothing is done if it is there. */
  static unpack(files: readonly string[], folder: string): void;
}

/** Unpacks packages into a folder that appears complete or not at all. @returns the folder */
export declare function unpack(files: readonly string[], folder: string): string;
