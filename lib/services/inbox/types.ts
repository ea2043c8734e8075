// SPDX-License-Identifier: MIT
//
// What is said to an inbox and what it says: folders that files may arrive in, and what becomes of them.

/** A folder that the host may copy files to, and what it may do there. */
export interface InboxFolder {
  /** Absolute path, as the host has to name it. Must exist. Links in it are followed once, when the inbox is opened. */
  readonly path: string;
  /** Permissions of files that arrive, at most 0o777. Default 0o640. */
  readonly mode?: number;
  /** Permissions of folders that are made. Default: those of files, with the right to enter where there is the right to read. */
  readonly folderMode?: number;
  /** User that what arrives belongs to. Default: the one that this process runs as. */
  readonly uid?: number;
  /** Group that what arrives belongs to. Default: as the folder gives it. */
  readonly gid?: number;
  /** Most bytes of a file. Default 1 GiB. */
  readonly maxFileBytes?: number;
  /** Whether a file that is there is replaced when the host wants that. Links and devices never are. Default false. */
  readonly overwrite?: boolean;
  /** Whether folders below this one are made when the host wants that. Default false. */
  readonly createFolders?: boolean;
}

/** How {@link openInbox} is called. */
export interface InboxOptions {
  /** Where files may arrive. Of folders within each other the innermost counts. At least one. */
  readonly folders: readonly InboxFolder[];
  /** Whether a file is on the disk when the host is told that it is complete. Default false. */
  readonly fsync?: boolean;
}

/** What the host wants, before a byte of the file has come. */
export interface InboxRequest {
  readonly name: string;
  /** The folder as the host names it. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Whether the host wants a file of that name replaced. */
  readonly overwrite: boolean;
  /** Whether the host wants missing folders made. */
  readonly createPath: boolean;
}

/** Where a file is to go: checked names, and the rules of its folder. */
export interface InboxPlace {
  readonly folder: Required<Omit<InboxFolder, 'uid' | 'gid'>> & Pick<InboxFolder, 'uid' | 'gid'>;
  /** Folders below that one. */
  readonly subfolders: readonly string[];
  readonly name: string;
  /** The whole path, as it will be. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly replaces: boolean;
  readonly createsFolders: boolean;
}

/** A file that arrives: it has no name yet, and is gone unless it is completed. */
export interface InboxFile {
  readonly place: InboxPlace;
  /** Writes one piece. One call at a time. @throws VmbusError ERR_VMBUS_SYSTEM (facts.status: diskFull, …) */
  write(data: Uint8Array, offset: number): Promise<void>;
  /** Gives the file its owner, mode and name. @throws VmbusError ERR_VMBUS_REFUSED, _SYSTEM; then nothing is left of it */
  complete(): Promise<void>;
  /** Forgets the file. Does nothing once it is complete. */
  discard(): Promise<void>;
}

/** Folders that are open for files. */
export interface Inbox {
  /** Where a file would go. @throws VmbusError ERR_VMBUS_REFUSED with the reason; facts.status names what the host is told */
  place(request: InboxRequest): InboxPlace;
  /** Begins a file. @throws VmbusError ERR_VMBUS_REFUSED, ERR_VMBUS_SYSTEM */
  receive(request: InboxRequest): Promise<InboxFile>;
}

/** What becomes of the host's files. */
export type InboxEvent =
  | { readonly kind: 'started'; readonly path: string; readonly sizeBytes: number }
  | {
      readonly kind: 'received';
      readonly path: string;
      readonly sizeBytes: number;
      /** Of the bytes that came, in hex. */
      readonly sha256: string;
      readonly durationMs: number;
    }
  | {
      readonly kind: 'failed';
      /** Where it would have been; null where the rules do not allow it anywhere. */
      readonly path: string | null;
      /** The host's own words: mistrust them. */
      readonly asked: { readonly name: string; readonly path: string; readonly sizeBytes: number };
      readonly receivedBytes: number;
      readonly error: Error;
    };

/** How far a file is. */
export interface InboxProgress {
  readonly path: string;
  readonly receivedBytes: number;
  readonly sizeBytes: number;
}

/** Options of {@link receiveFiles}. What these throw ends the file, or the receiving. */
export interface ReceiveFilesOptions {
  readonly onEvent?: (event: InboxEvent) => void;
  /** After each piece. */
  readonly onProgress?: (progress: InboxProgress) => void;
}
