import { createRoot } from 'react-dom/client';
import '../../style/index.css';

createRoot(document.getElementById('modama')!).render(<p>MODAMA</p>);
