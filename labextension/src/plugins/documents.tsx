import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import { FACTORY, FrameDocuments, WithoutBody } from '../lab/documents';
import { COMMON_FILES, EM_FILES } from '../lab/filetypes';
import { modamaIcon } from '../lab/icon';
import type { Modama } from '../services/modama';
import { IModama } from '../tokens';

/** Microscope files open in the viewer by a double click in Lab's own file browser. */
export const documents: JupyterFrontEndPlugin<void> = {
    id: '@modama/labextension:documents',
    description: 'Opens microscope files in the viewer, in a tab of the main area.',
    autoStart: true,
    requires: [IModama],
    optional: [ILayoutRestorer],
    activate: (app: JupyterFrontEnd, modama: Modama, restorer: ILayoutRestorer | null): void => {
        const { docRegistry } = app;
        for (const { name, extensions } of EM_FILES) {
            docRegistry.addFileType({
                name: typeName(name),
                displayName: name,
                extensions: extensions.map(extension => `.${extension}`),
                contentType: 'file',
                fileFormat: 'base64',
                icon: modamaIcon
            });
        }
        const model = new WithoutBody();
        docRegistry.addModelFactory(model);
        const own = EM_FILES.map(({ name }) => typeName(name));
        const factory = new FrameDocuments(modama, {
            name: FACTORY,
            label: modama.host.trans.__('Viewer for microscopy'),
            modelName: model.name,
            fileTypes: [...own, ...COMMON_FILES],
            defaultFor: own,
            readOnly: true
        });
        docRegistry.addWidgetFactory(factory);
        const tracker = new WidgetTracker<IDocumentWidget>({ namespace: 'modama-documents' });
        factory.widgetCreated.connect((_, widget) => {
            widget.context.pathChanged.connect(() => void tracker.save(widget));
            void tracker.add(widget);
        });
        void restorer?.restore(tracker, {
            command: 'docmanager:open',
            args: widget => ({ path: widget.context.path, factory: FACTORY }),
            name: widget => widget.context.path
        });
    }
};

const typeName = (name: string): string => `modama-${name.toLowerCase().replace(/\W+/g, '-')}`;
